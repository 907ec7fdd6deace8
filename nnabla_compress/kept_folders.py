# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Folders that work is going on in: they must stay where they are until it is done."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, List, Tuple, Union

from nnabla_compress.errors import ConfigError

# Absolute path, device and inode of each; several may be of one folder.
_KEPT: List[Tuple[str, int, int]] = []


@contextmanager
def kept(folder: Union[str, Path]) -> Iterator[None]:
    """Remembers within its block which folder stands at a path now.

    Args:
        folder: A folder that exists.

    Raises:
        OSError: If it does not.
    """
    status = os.stat(folder)
    entry = (os.path.abspath(folder), status.st_dev, status.st_ino)
    _KEPT.append(entry)
    try:
        yield
    finally:
        _KEPT.remove(entry)


def check_kept(path: Union[str, Path]) -> None:
    """Refuses to write below a folder that is no longer the one that the work began in.

    Otherwise a folder that was renamed or removed under a run would be made a second time.

    Args:
        path: What is to be written.

    Raises:
        ConfigError: If such a folder was renamed, removed or replaced.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     folder = Path(parent) / "run"
        ...     folder.mkdir()
        ...     with kept(folder):
        ...         folder.rename(Path(parent) / "elsewhere").name
        ...         try:
        ...             check_kept(folder / "results.json")
        ...         except ConfigError as error:
        ...             print(error.help)
        'elsewhere'
        give it its name back, then go on with --resume, or begin again
    """
    wanted = os.path.abspath(path)
    for folder, device, inode in list(_KEPT):
        if wanted != folder and not wanted.startswith(folder.rstrip(os.sep) + os.sep):
            continue
        try:
            status = os.stat(folder)
        except OSError:
            status = None
        if status is None or (status.st_dev, status.st_ino) != (device, inode):
            what = "is gone" if status is None else "is another folder now"
            raise ConfigError(
                f"can't write {path}: {folder} {what}, it was renamed or removed while it was "
                "written to.",
                help="give it its name back, then go on with --resume, or begin again",
            )
