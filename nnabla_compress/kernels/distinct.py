# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How many distinct values a large tensor has, without a sorted copy of it.

A bit stands for each pattern that 32 bits can have. The patterns are gone through in parts, so that
the bits of a part take little memory.
"""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE

_PARTS = 32
_PART = 2**32 // _PARTS
_NEGATIVE_ZERO = np.uint32(1 << 31)


def count_distinct(values: np.ndarray) -> int:
    """Returns the number of distinct values; zeros of both signs are one.

    Args:
        values: float32, flat, contiguous.

    Example:
        >>> count_distinct(np.float32([1, 0, 1, -0.0, 2]))
        3
    """
    patterns = values.view(np.uint32)
    sizes = np.zeros(_PARTS, np.int64)
    _spread(patterns, sizes)
    seen = np.empty(_PART // 8, np.uint8)
    total = 0
    for part in np.flatnonzero(sizes):
        seen[:] = 0
        total += int(_count(patterns, part, seen))
    return total


@numba.njit(nogil=True, cache=CACHE)
def _spread(patterns, sizes):  # type: ignore[no-untyped-def]
    """Counts the patterns of each part."""
    for pattern in patterns:
        if pattern == _NEGATIVE_ZERO:
            pattern = np.uint32(0)
        sizes[pattern // _PART] += 1


@numba.njit(nogil=True, cache=CACHE)
def _count(patterns, part, seen):  # type: ignore[no-untyped-def]
    """Marks the patterns of a part; returns how many there are."""
    found = 0
    for pattern in patterns:
        if pattern == _NEGATIVE_ZERO:
            pattern = np.uint32(0)
        if pattern // _PART == part:
            place = pattern % _PART
            bit = np.uint8(1 << (place & 7))
            if not seen[place >> 3] & bit:
                seen[place >> 3] |= bit
                found += 1
    return found
