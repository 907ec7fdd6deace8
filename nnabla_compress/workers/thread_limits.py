# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Threads of workers: together no more than there are cores."""

from __future__ import annotations

import os
from typing import Dict

# Each is read once, when the library is loaded.
_LIBRARIES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def cores() -> int:
    """Returns how many cores this process may use.

    Example:
        >>> cores() >= 1
        True
    """
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on every system
        return os.cpu_count() or 1


def thread_limits(count: int, available: int) -> Dict[str, str]:
    """Returns what the environment of a worker says of threads of BLAS and numba.

    NNabla's own functions take one thread on the CPU.

    Args:
        count: Number of workers.
        available: Cores that they share.

    Returns:
        Values by name; less where the environment says less.

    Example:
        >>> thread_limits(2, 8)["NUMBA_NUM_THREADS"] in ("4", "3", "2", "1")
        True
    """
    share = max(1, available // count)
    limits = {}
    for name in _LIBRARIES:
        stated = os.environ.get(name, "")
        limits[name] = str(min(share, int(stated)) if stated.isdecimal() and int(stated) else share)
    return limits
