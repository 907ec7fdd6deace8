# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Writing files so that a good one is never replaced by a half-written one."""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
import stat
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Iterator, List, Mapping, Sequence, Union

from nnabla_compress.errors import CompressError, ConfigError, DiskFullError
from nnabla_compress.file_locks import KEEPS_OPEN, flock
from nnabla_compress.kept_folders import check_kept

# In the names of our temporary files, so that those of killed processes are known.
_MARK = ".nnc-"
_FOLDER = "nnabla-compress-"
# Seconds.
_YOUNG, _OLD = 60.0, 86400.0

_UMASK = threading.Lock()
_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space, or choose another folder with -o"),
    errno.EDQUOT: ("the disk quota is used up", "free some space, or choose another folder"),
    errno.EFBIG: (
        "the file would be larger than this process may write",
        "raise the limit, see 'ulimit -f'",
    ),
    errno.EACCES: ("permission denied", "choose a folder that you may write to"),
    errno.EPERM: ("permission denied", "choose a folder that you may write to"),
    errno.EROFS: ("the file system is read-only", "choose a folder that you may write to"),
    errno.ENOTDIR: ("a part of the path is a file", "choose a folder"),
    errno.EEXIST: ("a part of the path is a file", "choose a folder"),
    errno.EISDIR: ("it is a folder", "choose a file name"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter one"),
}
_NUMBERS = re.compile(r"\[(?:\n\s*(?:-?\d[^\s,]*|null),?)+\n\s*\]")
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
    kind = DiskFullError if error.errno in (errno.ENOSPC, errno.EDQUOT) else ConfigError
    return kind(f"can't write {path}: {reason}.", help=help)


def _umask() -> int:
    """The rights that new files of this process lack, asked for without setting others if possible.

    They are the same for all threads: a file that another one makes meanwhile must not get more.
    """
    try:
        with open("/proc/self/status", encoding="utf-8", errors="replace") as status:
            for line in status:
                if line.startswith("Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    with _UMASK:
        umask = os.umask(0o077)
        os.umask(umask)
    return umask


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
    temporary, handle = None, None
    try:
        check_kept(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise OSError(errno.EISDIR, "it is a folder")
        handle, name = tempfile.mkstemp(
            prefix=f".{path.stem[:_STEM]}{_MARK}", suffix=path.suffix, dir=str(path.parent)
        )
        temporary = Path(name)
        if KEEPS_OPEN:
            flock(handle)  # so that others see that it is in use
        else:
            os.close(handle)
            handle = None
        yield temporary
        with open(temporary, "r+b") as written:
            os.fsync(written.fileno())
        # mkstemp makes files private; give the file the rights that a plain open would have.
        os.chmod(temporary, 0o666 & ~_umask())
        check_kept(path)
        os.replace(temporary, path)
    except CompressError:
        raise
    except OSError as error:
        check_kept(path)
        raise write_error(path, error) from error
    finally:
        if temporary is not None and temporary.exists():
            temporary.unlink()
        if handle is not None:
            os.close(handle)


def remove_stale(folder: Union[str, Path]) -> None:
    """Removes the temporary files that killed processes left in a folder, and no others.

    Args:
        folder: The folder; those below it are not looked at.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in (".net.nnc-a1b2c3d4.nnp", "net.nnp"):
        ...         _ = (Path(folder) / name).write_text("")
        ...     remove_stale(folder)
        ...     [path.name for path in Path(folder).iterdir()]
        ['net.nnp']
    """
    for path in Path(folder).glob(f".*{_MARK}*"):
        try:
            if not path.is_file() or path.is_symlink():
                continue
            # Where no lock says that it is in use, its age does.
            if not KEEPS_OPEN and time.time() - path.stat().st_mtime < _OLD:
                continue
            handle = os.open(path, os.O_RDWR)
            try:
                stale = flock(handle)
                if stale and KEEPS_OPEN:
                    path.unlink()
            finally:
                os.close(handle)
            if stale and not KEEPS_OPEN:
                path.unlink()
        except OSError:  # another was quicker, or it is not ours
            continue


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Gives a folder for intermediate files that is gone after the block.

    Those that killed processes of this user left behind are removed, too.

    Yields:
        The folder, in the place for temporary files (``TMPDIR``).

    Raises:
        ConfigError: If none can be made.

    Example:
        >>> with temporary_folder() as folder:
        ...     _ = (folder / "a.txt").write_text("")
        >>> folder.exists()
        False
    """
    place = Path(tempfile.gettempdir())
    _remove_stale_folders(place)
    try:
        folder = Path(tempfile.mkdtemp(prefix=_FOLDER, dir=str(place)))
    except OSError as error:
        raise write_error(place, error) from error
    handle = os.open(folder, os.O_RDONLY) if KEEPS_OPEN else None
    try:
        if handle is not None:
            flock(handle)  # so that others see that it is in use
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if handle is not None:
            os.close(handle)


def _remove_stale_folders(place: Path) -> None:
    if not KEEPS_OPEN:  # nothing says which are in use
        return
    for folder in place.glob(f"{_FOLDER}*"):
        try:
            status = os.lstat(folder)
            # A younger one may not be locked yet.
            aged = time.time() - status.st_mtime > _YOUNG
            if not (stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and aged):
                continue
            handle = os.open(folder, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                if flock(handle):
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(handle)
        except OSError:  # another was quicker
            continue


def json_text(content: Any, rows: bool = False) -> str:
    """Returns JSON that any reader takes: everything that is written or printed goes through it.

    JSON knows neither NaN nor infinity; they become null. NumPy's numbers and arrays become plain
    ones, and paths text.

    Args:
        content: Dicts, lists and tuples of these.
        rows: Whether a list of nothing but numbers stands in one line.

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
    text = json.dumps(_plain(content), indent=1, allow_nan=False)
    # No text in JSON holds a line end, so that what is between two of them is no text.
    return _NUMBERS.sub(lambda found: " ".join(found.group().split()), text) if rows else text


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


def write_json(path: Union[str, Path], content: Any, rows: bool = False) -> None:
    """Writes a JSON file, whole or not at all.

    Args:
        path: The file.
        content: As of :func:`json_text`.
        rows: Likewise.

    Raises:
        ConfigError: If it can't be written.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(json_text(content, rows) + "\n", encoding="utf-8")


def writable_folder(path: Union[str, Path]) -> Path:
    """Makes a folder and proves that files can be written to it.

    What killed processes left there half-written is removed.

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
    check_kept(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(path)):
            pass
    except OSError as error:
        raise write_error(path, error) from error
    remove_stale(path)
    return path


def missing_folders(path: Union[str, Path]) -> List[Path]:
    """Returns a folder and those above it that are not there yet, the folder itself first.

    Args:
        path: The folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     found = missing_folders(Path(folder) / "runs" / "net")
        >>> [each.name for each in found]
        ['net', 'runs']
    """
    path = Path(path)
    return [each for each in (path, *path.parents) if not each.exists()]


def remove_empty(folders: Sequence[Path]) -> None:
    """Removes folders up to the first one that holds anything or is gone.

    Args:
        folders: A folder and those above it, as of :func:`missing_folders`.
    """
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


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
    new = missing_folders(path)
    before = set(path.iterdir()) if path.is_dir() else None
    folder_then = os.stat(writable_folder(path))
    try:
        yield path
    except BaseException:
        if path.is_dir() and os.path.samestat(os.stat(path), folder_then):
            for each in path.iterdir():
                if each.is_file() and each not in (before or ()):
                    each.unlink()
            remove_empty(new)
        raise
