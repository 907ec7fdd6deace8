# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Reading files that anybody may have written: regular ones only, and never more than a limit."""

from __future__ import annotations

import json
import os
import re
import stat
import zipfile
from pathlib import Path
from typing import Any, BinaryIO, Dict, Sequence, Type, Union

import yaml

from nnabla_compress.errors import CompressError, ConfigError, DataError

# Recipes, rules, results: a line a layer. This is more than 10,000 layers.
TEXT_BYTES = 2**22
_YAML_NODES = 100_000
_DEPTH = 50
_DIGITS = 400
_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def check_regular(
    path: Union[str, Path], error: Type[CompressError] = DataError, folders: bool = False
) -> None:
    """Refuses what is there but is no file: pipes and devices may never end, or never answer.

    Args:
        path: What a user or a file named. What isn't there is left to whoever opens it.
        error: What to raise.
        folders: Whether a folder will do.

    Raises:
        CompressError: If it is a pipe, a socket, a device, or a folder.

    Example:
        >>> check_regular("/dev/null")
        Traceback (most recent call last):
        ...
        nnabla_compress.errors.DataError: can't read /dev/null: it is a device, not a file.
        help: copy what it gives into a file, and name that
    """
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), None)
    if kind is None or (folders and stat.S_ISDIR(mode)):
        return
    help = "name a file" if stat.S_ISDIR(mode) else "copy what it gives into a file, and name that"
    raise error(f"can't read {path}: it is {kind}, not a file.", help=help)


def open_file(path: Union[str, Path], error: Type[CompressError] = DataError) -> BinaryIO:
    """Opens a file for reading, without ever waiting for somebody to write to it.

    Args:
        path: The file.
        error: What to raise if it is none.

    Raises:
        CompressError: If it is a pipe, a socket, a device, or a folder.
        OSError: If it can't be opened.
    """
    check_regular(path, error)
    # Whatever has taken its place since, opening it does not block.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    return os.fdopen(handle, "rb")


def read_bytes(path: Union[str, Path], limit: int, error: Type[CompressError] = DataError) -> bytes:
    """Reads a file whole, if it is not larger than a limit.

    Args:
        path: The file.
        limit: Most bytes.
        error: What to raise if it is larger, or no file.

    Raises:
        CompressError: If it is larger, or a pipe, a socket, a device, or a folder.
        OSError: If it can't be read.
    """
    with open_file(path, error) as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise error(
                f"{path} has {size:,} bytes, the limit is {limit:,}.",
                help="is it the file that you mean?",
            )
        return file.read(size)


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Reads a member of an archive: never more than the archive says that it has.

    Args:
        archive: The archive, open.
        name: Name of the member.

    Raises:
        DataError: If it is packed in a way that can't be unpacked bit by bit.
        KeyError: If there is none of this name.
        zipfile.BadZipFile: If it is damaged.
    """
    info = archive.getinfo(name)
    check_packing(archive, [info])
    with archive.open(info) as file:
        # Without a number all of it is unpacked before what was declared is looked at.
        return file.read(info.file_size) if info.file_size else b""


def check_packing(archive: zipfile.ZipFile, infos: Sequence[zipfile.ZipInfo]) -> None:
    """Refuses members whose unpacking knows no bound: all but stored and deflated ones.

    Args:
        archive: The archive, open.
        infos: The members.

    Raises:
        DataError: If there is such a member.
    """
    for info in infos:
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise DataError(
                f"{info.filename[:80]!r} in {archive.filename or 'an archive'} is packed by method "
                f"{info.compress_type}, known are {zipfile.ZIP_STORED} (stored) and "
                f"{zipfile.ZIP_DEFLATED} (deflated).",
                help="pack it again with another tool",
            )


def read_text(
    path: Union[str, Path], error: Type[CompressError] = DataError, limit: int = TEXT_BYTES
) -> str:
    """Reads a text in UTF-8; line ends become those of Python.

    Args:
        path: The file.
        error: What to raise if it is larger, or no file.
        limit: Most bytes.

    Raises:
        CompressError: As for :func:`read_bytes`.
        OSError: If it can't be read.
        UnicodeDecodeError: If it is no UTF-8.
    """
    text = read_bytes(path, limit, error).decode("utf-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_json(path: Union[str, Path], limit: int = TEXT_BYTES) -> Any:
    """Reads a JSON file.

    Args:
        path: The file.
        limit: Most bytes.

    Raises:
        CompressError: As for :func:`read_bytes`.
        OSError: If it can't be read.
        ValueError: If it is no JSON, or nested too deep.
    """
    return parse_json(read_text(path, limit=limit))


def parse_json(text: str) -> Any:
    """Returns what a JSON text holds.

    Args:
        text: The text.

    Raises:
        ValueError: If it is no JSON, nested too deep, or holds a number of a thousand digits.

    Example:
        >>> parse_json("[1, 2.5]")
        [1, 2.5]
    """
    try:
        return json.loads(text, parse_int=_integer)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def parse_yaml(text: str) -> Any:
    """Returns what a YAML text holds, read by PyYAML's safe loader.

    Aliases may not stand for more than a text of this size could hold, nor for what they stand in.

    Args:
        text: The text.

    Raises:
        yaml.YAMLError: If it is no YAML, nested too deep, or too much.

    Example:
        >>> parse_yaml("a: [1, 2]")
        {'a': [1, 2]}
    """
    # The loader in C, where PyYAML has it, is twenty times as fast, but nests on the C stack.
    # It does not know halves of surrogate pairs: they stand for bytes of paths that are no UTF-8.
    slow = _SURROGATE.search(text) is not None
    loader = yaml.SafeLoader if slow else getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    depth = 0
    for count, event in enumerate(yaml.parse(text, Loader=loader)):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEPTH or count > 2 * _YAML_NODES:
            raise yaml.YAMLError("it is nested too deep or holds too many entries")
        if isinstance(event, yaml.ScalarEvent) and len(event.value) > TEXT_BYTES >> 6:
            raise yaml.YAMLError(f"an entry has {len(event.value):,} characters")
    try:
        content = yaml.load(text, Loader=loader)  # noqa: S506 - both are safe loaders
    except (ValueError, OverflowError, AttributeError) as error:  # of dates and numbers
        raise yaml.YAMLError(str(error)) from error
    _written_out(content, {}, set())
    return content


def read_keys(path: Path, what: str, page: str) -> Dict[str, Any]:
    """Reads a YAML file that a user wrote: keys and values.

    Args:
        path: The file.
        what: What messages call it, such as "a sweep".
        page: The page that tells what it holds.

    Raises:
        ConfigError: If it can't be read, or holds something else.
    """
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not {what}.", help="name the YAML file")
    try:
        content = parse_yaml(read_text(path, ConfigError))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is no valid YAML: {error}.", help="mend it") from None
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}.") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no keys and values.", help=f"see {page}")
    return content


def _written_out(node: Any, sizes: dict, above: set) -> int:
    """Counts the entries of a document with its aliases written out."""
    if not isinstance(node, (dict, list, set, tuple)):
        return 1
    key = id(node)
    if key in above:
        raise yaml.YAMLError("an alias stands for what it stands in")
    if key not in sizes:
        above.add(key)
        parts = [*node, *node.values()] if isinstance(node, dict) else node
        sizes[key] = 1 + sum(_written_out(part, sizes, above) for part in parts)
        above.remove(key)
        if sizes[key] > _YAML_NODES:
            raise yaml.YAMLError("its aliases stand for too many entries")
    return int(sizes[key])


def _integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError(f"a number has {len(text):,} digits")
    return int(text)
