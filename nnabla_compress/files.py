# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Writing files so that a good one is never replaced by a half-written one."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, Mapping, Union

from nnabla_compress.errors import CompressError, ConfigError

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space, or choose another folder with -o"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or choose another folder"),
    errno.EACCES: ("permission denied", "choose a folder that you may write to"),
    errno.EPERM: ("permission denied", "choose a folder that you may write to"),
    errno.EROFS: ("the file system is read-only", "choose a folder that you may write to"),
    errno.ENOTDIR: ("a part of the path is a file", "choose a folder"),
    errno.EEXIST: ("a part of the path is a file", "choose a folder"),
    errno.EISDIR: ("it is a folder", "choose a file name"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
}
_STEM = 40  # characters in a temporary name, which is to fit where the name itself does


def write_error(path: Union[str, Path], error: OSError) -> ConfigError:
    """Turns an operating system error while writing into one clear message.

    Args:
        path: The file or folder that was to be written.
        error: What the operating system said.

    Returns:
        The error to raise.

    Example:
        >>> print(write_error("out.nnp", OSError(errno.ENOSPC, "No space left on device")))
        can't write out.nnp: the disk is full.
        help: free some space, or choose another folder with -o
    """
    reason, help = _REASONS.get(
        error.errno or 0, (error.strerror or str(error), "check the path and the disk")
    )
    return ConfigError(f"can't write {path}: {reason}.", help=help)


@contextmanager
def atomic_path(path: Union[str, Path]) -> Iterator[Path]:
    """Gives a temporary path beside ``path`` and renames it there if the block succeeds.

    The temporary name keeps the ending, since NNabla chooses file formats by it. After any
    exception the temporary file is gone and what stood at ``path`` before is untouched.

    Args:
        path: The file to write. Missing parent folders are made.

    Yields:
        The path to write to.

    Raises:
        ConfigError: If the folder can't be written to or the disk is full.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     target = Path(folder) / "note.txt"
        ...     with atomic_path(target) as temporary:
        ...         _ = temporary.write_text("whole or not at all")
        ...     target.read_text()
        'whole or not at all'
    """
    path = Path(path)
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise OSError(errno.EISDIR, "it is a folder")
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem[:_STEM]}.", suffix=path.suffix, dir=str(path.parent)
        )
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes files private; give the file the rights that a plain open would have.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except CompressError:
        raise
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if temporary is not None and temporary.exists():
            temporary.unlink()


def json_text(content: Any) -> str:
    """Returns JSON that any reader takes: everything that is written or printed goes through it.

    JSON knows neither NaN nor infinity; they become null. NumPy's numbers and arrays become plain
    ones, and paths text.

    Args:
        content: Dicts, lists and tuples of these.

    Returns:
        Lines, without a line end behind the last.

    Example:
        >>> print(json_text({"loss": float("nan"), "files": (Path("a"),)}))
        {
         "loss": null,
         "files": [
          "a"
         ]
        }
    """
    return json.dumps(_plain(content), indent=1, allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return str(value) if isinstance(value, os.PathLike) else value


def write_json(path: Union[str, Path], content: Any) -> None:
    """Writes a JSON file, whole or not at all.

    Args:
        path: The file.
        content: As of :func:`json_text`.

    Raises:
        ConfigError: If it can't be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(content) + "\n", encoding="utf-8")


@contextmanager
def h5_errors(path: Union[str, Path]) -> Iterator[None]:
    """Turns what HDF5 raises when a disk is full into the operating system's own error.

    HDF5 reports a failed write as a RuntimeError or as an OSError without a number, with the number
    somewhere in its text.

    Args:
        path: The file that is being written.

    Raises:
        OSError: With ``errno`` set, for :func:`atomic_path` to explain.

    Example:
        >>> try:
        ...     with h5_errors("params.h5"):
        ...         raise RuntimeError("Can't write data (errno = 28, message = 'No space left')")
        ... except OSError as error:
        ...     error.errno == errno.ENOSPC
        True
    """
    try:
        yield
    except (OSError, RuntimeError, SystemError) as error:
        number = re.search(r"errno = (\d+)", str(error))
        if number:
            raise OSError(int(number.group(1)), os.strerror(int(number.group(1)))) from error
        if isinstance(error, OSError) and error.errno:
            raise
        if shutil.disk_usage(Path(path).parent).free < 1 << 16:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)) from error
        raise


def writable_folder(path: Union[str, Path]) -> Path:
    """Makes a folder and proves that files can be written to it.

    Args:
        path: The folder.

    Returns:
        The folder as a Path.

    Raises:
        ConfigError: If it can't be made or written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     writable_folder(Path(folder) / "run").name
        'run'
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(path)):
            pass
    except OSError as error:
        raise write_error(path, error) from error
    return path


@contextmanager
def new_files(folder: Union[str, Path]) -> Iterator[Path]:
    """Gives a folder to write several files to, and takes them all back if the block fails.

    Args:
        folder: The folder; made if missing, and gone again after an exception.

    Yields:
        The folder as a Path.

    Raises:
        ConfigError: If it can't be made or written to.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     try:
        ...         with new_files(Path(parent) / "out") as folder:
        ...             _ = (folder / "half.txt").write_text("")
        ...             raise KeyError
        ...     except KeyError:
        ...         folder.exists()
        False
    """
    path = Path(folder)
    before = set(path.iterdir()) if path.is_dir() else None
    writable_folder(path)
    try:
        yield path
    except BaseException:
        for each in path.iterdir():
            if each.is_file() and each not in (before or ()):
                each.unlink()
        if before is None and not any(path.iterdir()):
            path.rmdir()
        raise
