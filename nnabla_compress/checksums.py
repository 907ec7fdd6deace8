# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Files that know whether they are whole: each carries the checksum of what it holds.

A text or an HDF5 file has it in a last line, which readers of either pass over; a JSON file as an
entry of its own. So it is always that of the very file, whenever a process is killed. Files of
other tools and of earlier versions have none, and are read as they are.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, Mapping, Optional, Tuple, Union

from nnabla_compress.errors import DataError
from nnabla_compress.files import atomic_path, json_text, write_json
from nnabla_compress.kept_errors import KeptErrors
from nnabla_compress.reading import read_json

_MARK = b"\n# sha256 of what stands before: "
_LINE = len(_MARK) + 64 + 1
_KEY = "sha256_of_the_rest"
_PIECE = 1 << 20
_FEW = 3


def write_bytes(path: Union[str, Path], content: Any) -> str:
    """Writes a text or an HDF5 file with its checksum, whole or not at all.

    Args:
        path: The file.
        content: Bytes, or what has a buffer of them.

    Returns:
        The checksum.

    Raises:
        ConfigError: If it can't be written.
    """
    return write_made(path, lambda file: file.write(content))


def write_made(path: Union[str, Path], make: Callable[[Any], Any]) -> str:
    """Writes what is made in the file itself, with its checksum, whole or not at all.

    Args:
        path: The file.
        make: Writes to an open file and may read in it; an error that writing meets is raised
            behind it.

    Returns:
        The checksum.

    Raises:
        ConfigError: If it can't be written.
    """
    with atomic_path(path) as temporary:
        with open(temporary, "w+b", buffering=0) as file:
            kept = KeptErrors(file)
            make(kept)
            if kept.error is not None:
                raise kept.error
        with open(temporary, "r+b") as file:
            checksum = _checksum(file)
            file.write(_MARK + checksum.encode("ascii") + b"\n")
    return checksum


def check_bytes(path: Union[str, Path], help: str) -> Optional[str]:
    """Compares a file that :func:`write_bytes` wrote with its checksum.

    Args:
        path: The file.
        help: What to do if it is another.

    Returns:
        The checksum; None for a file without one.

    Raises:
        DataError: If it is another.
        OSError: If the file can't be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "recipe.yaml"
        ...     checksum = write_bytes(path, b"seed: 1")
        ...     checksum == check_bytes(path, "begin again")
        ...     _ = path.write_bytes(path.read_bytes().replace(b"1", b"3", 1))
        ...     try:
        ...         check_bytes(path, "begin again")
        ...     except DataError as error:
        ...         print(error.message[-57:])
        True
        recipe.yaml is damaged: it is not what was written there.
    """
    with open(path, "rb") as file:
        stated, size = _stated(file)
        if stated is None:
            return None
        file.seek(0)
        if _checksum(file, size) != stated:
            raise damaged(path, help)
    return stated


def damaged(path: Union[str, Path], help: str) -> DataError:
    """Returns the error for a file that is another than was written.

    Args:
        path: The file.
        help: What to do.
    """
    return DataError(f"{path} is damaged: it is not what was written there.", help=help)


def checksum_of(path: Union[str, Path]) -> str:
    """Returns the checksum of all bytes of a file.

    Args:
        path: The file.

    Raises:
        OSError: If it can't be read.
    """
    with open(path, "rb") as file:
        return _checksum(file)


def write_record(path: Union[str, Path], content: Mapping[str, Any]) -> None:
    """Writes a JSON file with its checksum, whole or not at all.

    Args:
        path: The file.
        content: As of :func:`~nnabla_compress.files.json_text`.

    Raises:
        ConfigError: If it can't be written.
    """
    write_json(path, {**content, _KEY: _of_json(content)})


def read_record(path: Union[str, Path], help: str) -> Dict[str, Any]:
    """Reads a JSON file that :func:`write_record` wrote, or one without a checksum.

    Args:
        path: The file.
        help: What to do if it is damaged.

    Raises:
        DataError: If it is missing or damaged.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_record(Path(folder) / "source.json", {"folder": "a"})
        ...     read_record(Path(folder) / "source.json", "begin again")
        {'folder': 'a'}
    """
    try:
        content = read_json(path)
        if not isinstance(content, dict):
            raise ValueError("it holds no entries")
    except (OSError, ValueError) as error:
        raise DataError(f"can't read {path}: {error}.", help=help) from error
    stated = content.pop(next((key for key in content if _alike(key, _KEY)), _KEY), None)
    if stated is not None and stated != _of_json(content):
        raise damaged(path, help)
    return content


def _checksum(file: BinaryIO, size: Optional[int] = None) -> str:
    """Of the next bytes of an open file; by default of all that are left."""
    digest, left = hashlib.sha256(), sys.maxsize if size is None else size
    while left > 0:
        piece = file.read(min(left, _PIECE))
        if not piece:
            break
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


def _of_json(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json_text(content).encode("utf-8")).hexdigest()


def _alike(found: Union[str, bytes], wanted: Union[str, bytes]) -> bool:
    """Whether something begins as wanted, but for a few damaged places."""
    apart = sum(a != b for a, b in zip(found, wanted))
    return len(found) >= len(wanted) and apart <= _FEW


def _stated(file: BinaryIO) -> Tuple[Optional[str], int]:
    """The checksum in the last line of a file, and the bytes before that."""
    size = file.seek(0, os.SEEK_END) - _LINE
    if size < 0:
        return None, 0
    file.seek(size)
    line = file.read(_LINE)
    if not _alike(line, _MARK):
        return None, 0
    if not line.startswith(_MARK):
        return "", size  # what announces the checksum is damaged itself
    return line[len(_MARK) :].decode("ascii", "replace").rstrip("\n"), size
