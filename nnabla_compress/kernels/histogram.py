# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Smallest and largest value of a tensor and its histogram, in one pass over the memory.

A block of values that fits the nearest cache is first searched for its extremes, which takes vector
instructions, then counted. The histogram is symmetric about 0; a value outside doubles its range,
which merges neighbouring bins two by two and so keeps all counts exact.
"""

from __future__ import annotations

from typing import Tuple

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE

BINS = 8192  # 0 lies between the two in the middle
_BLOCK = 2048
_EXPONENT = np.uint32(0x7F800000)


def observe(values: np.ndarray, histogram: np.ndarray, limit: float) -> Tuple[float, float, float]:
    """Counts values, unless one of them is NaN or infinite.

    Args:
        values: float32, flat, at least one.
        histogram: int64, shape (BINS,); bin i counts ``(i - BINS/2) w <= x < (i + 1 - BINS/2) w``
            with ``w = 2 limit / BINS``. Changed in place.
        limit: The range of the histogram; 0 if nothing but zeros has been counted.

    Returns:
        The smallest value, the largest value and the new limit; three times NaN if a value is NaN
        or infinite.

    Example:
        >>> histogram = np.zeros(BINS, np.int64)
        >>> observe(np.float32([-1, 0, 0, 3]), histogram, 2.0)
        (-1.0, 3.0, 4.0)
        >>> {i - BINS // 2: int(histogram[i]) for i in np.flatnonzero(histogram)}
        {-1024: 1, 0: 2, 3072: 1}
    """
    low, high, limit = _observe(values, values.view(np.uint32), histogram, limit)
    return float(low), float(high), float(limit)


def extremes(values: np.ndarray) -> Tuple[float, float]:
    """Returns the smallest and the largest value, twice NaN if one is NaN or infinite.

    Args:
        values: float32, flat, at least one.

    Example:
        >>> extremes(np.float32([3, -1, 2]))
        (-1.0, 3.0)
    """
    low, high = _extremes(values, values.view(np.uint32))
    return float(low), float(high)


@numba.njit(fastmath={"nnan", "nsz", "ninf"}, cache=CACHE)
def _smallest_and_largest(block):  # type: ignore[no-untyped-def]
    low, high = block[0], block[0]
    for i in range(block.size):
        low = min(low, block[i])
        high = max(high, block[i])
    return low, high


@numba.njit(cache=CACHE)
def _finite(bits):  # type: ignore[no-untyped-def]
    # As integers: floating point comparisons of NaN would keep the compiler from vectors.
    most = np.uint32(0)
    for i in range(bits.size):
        most = max(most, bits[i] & _EXPONENT)
    return most < _EXPONENT


@numba.njit(cache=CACHE)
def _extremes(values, bits):  # type: ignore[no-untyped-def]
    low, high = values[0], values[0]
    for start in range(0, values.size, _BLOCK):
        if not _finite(bits[start : start + _BLOCK]):
            return np.float32(np.nan), np.float32(np.nan)
        block_low, block_high = _smallest_and_largest(values[start : start + _BLOCK])
        low, high = min(low, block_low), max(high, block_high)
    return low, high


@numba.njit(cache=CACHE)
def _double(histogram):  # type: ignore[no-untyped-def]
    merged = np.zeros_like(histogram)
    quarter = histogram.size // 4
    for i in range(histogram.size // 2):
        merged[quarter + i] = histogram[2 * i] + histogram[2 * i + 1]
    histogram[:] = merged


@numba.njit(cache=CACHE)
def _observe(values, bits, histogram, limit):  # type: ignore[no-untyped-def]
    low, high = values[0], values[0]
    half, last = np.float32(histogram.size // 2), histogram.size - 1
    zeros = 0
    for start in range(0, values.size, _BLOCK):
        block = values[start : start + _BLOCK]
        if not _finite(bits[start : start + _BLOCK]):
            return np.float32(np.nan), np.float32(np.nan), np.nan
        block_low, block_high = _smallest_and_largest(block)
        low, high = min(low, block_low), max(high, block_high)
        peak = np.float64(max(-block_low, block_high))
        if peak == 0:
            zeros += block.size
            continue
        if limit == 0:
            limit = peak
        while peak > limit:
            _double(histogram)
            limit *= 2
        factor = np.float32(half / limit)
        for i in range(block.size):
            histogram[min(int(block[i] * factor + half), last)] += 1
    histogram[histogram.size // 2] += zeros
    return low, high, limit
