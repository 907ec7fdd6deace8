# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Locks of folders: whoever else wants to write there is told who does.

They are locks of the operating system, which end with the process that holds them, however it
ends. What stands in the lock's file says who that is.
"""

from __future__ import annotations

import datetime
import json
import os
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Dict, Iterator, Union

from nnabla_compress.errors import ConfigError
from nnabla_compress.file_locks import KEEPS_OPEN, flock
from nnabla_compress.files import (
    json_text,
    missing_folders,
    remove_empty,
    remove_stale,
    writable_folder,
    write_error,
)
from nnabla_compress.kept_folders import kept

NAME = ".nnabla-compress.lock"
_RECORD_BYTES = 4096


@contextmanager
def locked(folder: Union[str, Path], shared: bool = False) -> Iterator[Path]:
    """Holds a folder for writing within its block; makes it if it is missing.

    Temporary files that killed processes left in it are removed, and a folder that was made goes
    again if it stays empty. Until the block ends, nothing is written there if the folder is renamed
    or removed.

    Args:
        folder: The folder.
        shared: Whether others that ask for it as shared may hold it, too.

    Yields:
        The folder as a Path.

    Raises:
        ConfigError: If another holds it, or it can't be written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with locked(folder):
        ...         try:
        ...             with locked(folder):
        ...                 pass
        ...         except ConfigError as error:
        ...             print("is written to by process" in str(error))
        True
    """
    new = missing_folders(folder)
    path = writable_folder(folder)
    made = os.stat(path)
    try:
        handle = _taken(path, shared)
    except OSError as error:
        raise write_error(path / NAME, error) from error
    try:
        _describe(handle)
        if not shared:
            remove_stale(path)
        with kept(path):
            yield path
    finally:
        _released(path / NAME, handle, shared)
        with suppress(OSError):  # it is gone, or something was written there
            if new and os.path.samestat(os.stat(path), made):
                remove_empty(new)


def _taken(folder: Path, shared: bool) -> int:
    """Opens the file of the lock and locks it: the one that stands there in the end."""
    while True:
        handle = os.open(folder / NAME, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
        try:
            held = flock(handle, shared)
            if held is False or (held is None and _lives(_record(handle))):
                raise _refused(folder, _record(handle))
            # Whoever held it may have removed the file since it was opened.
            if _same(folder / NAME, handle):
                return handle
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def _same(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(handle))
    except FileNotFoundError:
        return False


def _describe(handle: int) -> None:
    now = datetime.datetime.now().astimezone().isoformat(timespec="seconds")
    text = json_text({"process": os.getpid(), "host": socket.gethostname(), "since": now})
    try:
        os.ftruncate(handle, 0)
        os.lseek(handle, 0, os.SEEK_SET)
        os.write(handle, text.encode("utf-8"))
    except OSError:  # the lock holds all the same, for instance on a full disk
        pass


def _record(handle: int) -> Dict[str, Any]:
    try:
        os.lseek(handle, 0, os.SEEK_SET)
        found = json.loads(os.read(handle, _RECORD_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _lives(holder: Dict[str, Any]) -> bool:
    """Whether a process of this machine that a record names exists, where there are no locks."""
    process = holder.get("process")
    if holder.get("host") != socket.gethostname() or not isinstance(process, int):
        return False
    if not KEEPS_OPEN:  # Windows, where os.kill interrupts
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _refused(folder: Path, holder: Dict[str, Any]) -> ConfigError:
    process, host = holder.get("process", "unknown"), holder.get("host", "unknown")
    return ConfigError(
        f"{folder} is written to by process {process} on {host} since "
        f"{holder.get('since', 'an unknown time')}.",
        help="wait until it has ended, or stop it; -o chooses another folder",
    )


def _released(path: Path, handle: int, shared: bool) -> None:
    """Removes the file, unless others hold it or another stands there, and ends the lock."""
    try:
        ours = (not shared or bool(flock(handle))) and _same(path, handle)
        if ours and KEEPS_OPEN:
            path.unlink()
    except OSError:
        ours = False
    finally:
        os.close(handle)
    if ours and not KEEPS_OPEN:
        with suppress(OSError):
            path.unlink()
