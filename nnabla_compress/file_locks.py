# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Locks of open files, as far as an operating system has them."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import Any, Optional

_posix: Any = None
_windows: Any = None
try:
    import fcntl as _posix
except ImportError:
    with suppress(ImportError):
        import msvcrt as _windows

KEEPS_OPEN = _posix is not None
"""Whether a file that is open can be renamed and removed, and a folder be opened."""

# Windows locks bytes, which nobody can read then: these are none that anybody reads.
_FAR = 1 << 30


def flock(handle: int, shared: bool = False) -> Optional[bool]:
    """Locks an open file if that is possible at once; the lock ends with the file or the process.

    Args:
        handle: Number of the open file.
        shared: Whether others may hold it, too.

    Returns:
        Whether it is locked now; False if another holds it, None if there are no such locks here.
    """
    try:
        if _posix is not None:
            _posix.flock(handle, (_posix.LOCK_SH if shared else _posix.LOCK_EX) | _posix.LOCK_NB)
        elif _windows is not None and not shared:  # which knows no shared ones
            os.lseek(handle, _FAR, os.SEEK_SET)
            _windows.locking(handle, _windows.LK_NBLCK, 1)
        else:
            return None
    except OSError as error:
        held = error.errno in (errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES)
        return False if held else None
    return True
