# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Settings of NNabla's converter to ``.nnb``: how the C runtime holds each variable.

NNabla's converter loads the YAML text with a loader that builds any Python object the text names.
So a text from elsewhere never reaches it: the types are read from it, checked, and written anew.
"""

from __future__ import annotations

import re
import zipfile
import zlib
from pathlib import Path
from typing import Any, Dict, Iterator, List, Mapping, Tuple

import yaml

from nnabla_compress.errors import DataError
from nnabla_compress.files import atomic_path
from nnabla_compress.reading import open_file, read_member, read_text

SETTINGS = "settings.yaml"
# A line a variable: this is more than 10,000 variables.
MAX_BYTES = 2**20
_TYPE = re.compile(r"FLOAT32|SIGN|FIXED(8|16)(_([0-9]|1[0-5]))?")
_KNOWN = "FLOAT32, SIGN, FIXED8_0 to FIXED8_15, FIXED16_0 to FIXED16_15"
_HELP = "export the network again, or write lines 'name: FIXED8_5' below 'variables:'"


def to_yaml(types: Mapping[str, str]) -> str:
    """Returns settings as the converter reads them.

    Args:
        types: Types of variables by name.

    Example:
        >>> print(to_yaml({"x": "FIXED8_5"}), end="")
        variables:
          x: FIXED8_5
    """
    return str(yaml.safe_dump({"variables": dict(types)}, sort_keys=False))


def types_of(text: str, where: str) -> Dict[str, str]:
    """Returns the types that a YAML text states; nothing in it is ever executed.

    Args:
        text: The settings: a mapping ``variables`` of names to types.
        where: What messages call the text.

    Raises:
        DataError: If it holds anything else: tags, aliases, other keys, unknown types.

    Example:
        >>> types_of("variables: {x: FIXED8_5, c1/W: SIGN}", "net.settings.yaml")
        {'x': 'FIXED8_5', 'c1/W': 'SIGN'}
    """
    if len(text) > MAX_BYTES:
        raise DataError(
            f"{where} holds {len(text):,} characters, the limit is {MAX_BYTES:,}.", help=_HELP
        )
    try:
        content = _mapping(_events(text, where), where)
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{where} is no YAML: {_line(error)}.", help=_HELP) from error
    types: Dict[str, str] = {}
    for key, value in content:
        if key != "variables" or not isinstance(value, list):
            raise DataError(
                f"{where} holds {key[:80]!r}, only a mapping 'variables' is allowed.", help=_HELP
            )
        for name, given in value:
            if not isinstance(given, str) or not _TYPE.fullmatch(given):
                shown = repr(given[:80]) if isinstance(given, str) else "a mapping"
                raise DataError(
                    f"{where} gives {name[:80]!r} the type {shown}; known are {_KNOWN}.", help=_HELP
                )
            types[name] = given
    return types


def carried_types(path: Path) -> Dict[str, str]:
    """Returns the types of variables that an ``.nnp`` carries; none if it carries no settings.

    Args:
        path: The file.

    Raises:
        DataError: If its settings hold anything but types of variables.
    """
    where = f"{SETTINGS} in {path}"
    try:
        with open_file(path) as file, zipfile.ZipFile(file) as archive:
            size = archive.getinfo(SETTINGS).file_size
            if size > MAX_BYTES:
                raise DataError(
                    f"{where} has {size:,} bytes, the limit is {MAX_BYTES:,}.", help=_HELP
                )
            return types_of(read_member(archive, SETTINGS).decode("utf-8"), where)
    except (KeyError, zipfile.BadZipFile):
        return {}
    except UnicodeDecodeError as error:
        raise DataError(f"{where} is no text in UTF-8.", help=_HELP) from error
    except (OSError, EOFError, RuntimeError, zlib.error) as error:
        raise DataError(f"{where} can't be read: {_line(error)}.", help=_HELP) from error


def read_types(path: Path) -> Dict[str, str]:
    """Returns the types of variables that a settings file states.

    Args:
        path: The YAML file.

    Raises:
        DataError: If it is missing or holds anything but types of variables.
    """
    try:
        return types_of(read_text(path, limit=MAX_BYTES), str(path))
    except OSError as error:
        raise DataError(f"{path} can't be read: {error.strerror}.", help=_HELP) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text in UTF-8.", help=_HELP) from error


def write_types(path: Path, types: Mapping[str, str]) -> None:
    """Writes settings for the converter to ``.nnb``; if there are none, removes what is there.

    Args:
        path: The YAML file.
        types: Types of variables by name.
    """
    if types:
        with atomic_path(path) as temporary:
            temporary.write_text(to_yaml(types), encoding="utf-8")
    elif path.is_file():
        path.unlink()


def _events(text: str, where: str) -> Iterator[Any]:
    """Yields the events of a text: scalars stay the words that they are, nothing is built."""
    # The parser in C, where PyYAML has it, is twenty times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for event in yaml.parse(text, Loader=loader):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise DataError(f"{where} holds an alias or anchor of YAML.", help=_HELP)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise DataError(f"{where} holds the tag {str(tag)[:80]!r} of YAML.", help=_HELP)
        yield event


def _mapping(events: Iterator[Any], where: str) -> List[Tuple[str, Any]]:
    """Returns the pairs of a document that is a mapping of words to words or to such mappings."""
    opened: List[List[Tuple[str, Any]]] = []
    keys: List[str] = []
    document: List[Tuple[str, Any]] = []
    waits_for_value = False
    for event in events:
        if isinstance(event, yaml.ScalarEvent) and opened:
            if waits_for_value:
                opened[-1].append((keys.pop(), str(event.value)))
            else:
                keys.append(str(event.value))
            waits_for_value = not waits_for_value
        elif isinstance(event, yaml.MappingStartEvent) and (waits_for_value or not opened):
            if len(opened) > 2 or (document and not opened):
                raise DataError(f"{where} is nested too deep, or several texts.", help=_HELP)
            opened.append([])
            waits_for_value = False
        elif isinstance(event, yaml.MappingEndEvent):
            pairs = opened.pop()
            if opened:
                opened[-1].append((keys.pop(), pairs))
            else:
                document = pairs
        elif isinstance(event, (yaml.NodeEvent, yaml.CollectionEndEvent)):
            raise DataError(f"{where} is no mapping of names to types.", help=_HELP)
    return document


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
