# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What saturation cuts off values, and values as saturated integers, in single passes."""

from __future__ import annotations

from typing import Optional, Tuple

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE

_BLOCK = 4096
_NOTHING = np.float32(0)
_FREE = {"reassoc", "nsz", "contract"}  # in which order sums are added up


def magnitudes(values: np.ndarray, low: float, high: float) -> Tuple[float, float]:
    """Returns the largest magnitude of values clipped to a window, and the sum of their squares.

    Args:
        values: float32, flat.
        low: Lower edge of the window, may be infinite.
        high: Upper edge.

    Example:
        >>> magnitudes(np.float32([-3, 1, 8]), 0.0, 6.0)
        (6.0, 37.0)
    """
    largest, squares = _magnitudes(values, np.float32(low), np.float32(high))
    return float(largest), float(squares)


def cut_off(values: np.ndarray, low: float, high: float, limits: np.ndarray) -> np.ndarray:
    """Returns for each limit the sum of the squares of what lies beyond it.

    Args:
        values: float32, flat; they are clipped to the window first.
        low: Lower edge of the window.
        high: Upper edge.
        limits: Magnitudes, falling.

    Example:
        >>> cut_off(np.float32([-3, 1, 8]), -np.inf, np.inf, np.float32([8, 4, 2])).tolist()
        [0.0, 16.0, 37.0]
    """
    sums = np.zeros(len(limits))
    if len(limits):
        _cut_off(values, np.float32(low), np.float32(high), np.asarray(limits, np.float32), sums)
    return sums


def saturated(
    values: np.ndarray, scale: float, top: float, out: Optional[np.ndarray] = None
) -> np.ndarray:
    """Returns values times a scale, cut to integers toward zero, from ``-top - 1`` to ``top``.

    Args:
        values: float32, any shape.
        scale: A power of two.
        top: The largest integer.
        out: What they are written to, contiguous, which may be ``values``; by default a new array.

    Example:
        >>> saturated(np.float32([0.3, -0.9, 200]), 2.0, 127).tolist()
        [0.0, -1.0, 127.0]
    """
    flat = np.ascontiguousarray(values, np.float32).reshape(-1)
    found = np.empty(np.shape(values), np.float32) if out is None else out
    _saturate(flat, np.float64(scale), np.float64(top), found.reshape(-1))
    return found


# Indices and choices, not iterators, max and min: these become vector instructions.
@numba.njit(fastmath=_FREE, cache=CACHE)
def _magnitudes(values, low, high):  # type: ignore[no-untyped-def]
    largest, squares, unknown = np.float32(0), np.float64(0), False
    for i in range(values.size):
        value = values[i]
        unknown |= value != value
        value = low if value < low else value
        value = high if value > high else value
        magnitude = abs(value)
        largest = magnitude if magnitude > largest else largest
        squares += np.float64(magnitude * magnitude)
    if unknown:
        return np.float32(np.nan), np.nan
    return largest, squares


@numba.njit(fastmath=_FREE, cache=CACHE)
def _cut_off(values, low, high, limits, sums):  # type: ignore[no-untyped-def]
    # Without a branch: vector instructions are quicker than a guess of which values are beyond.
    for start in range(0, values.size, _BLOCK):
        block = values[start : start + _BLOCK]
        for k in range(limits.size):
            limit, found = limits[k], np.float64(0)
            for i in range(block.size):
                value = block[i]
                value = low if value < low else value
                value = high if value > high else value
                beyond = abs(value) - limit
                beyond = beyond if beyond > _NOTHING else _NOTHING
                over = np.float64(beyond)
                found += over * over
            sums[k] += found


@numba.njit(cache=CACHE)
def _saturate(values, scale, top, found):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        found[i] = min(max(np.trunc(values[i] * scale), -top - 1), top)
