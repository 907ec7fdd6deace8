# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What channels of feature maps hold, each in one pass over the values.

All take arrays (outer, channels, inner), float32: what stands before and behind the channels' axis
is one axis each.
"""

from __future__ import annotations

from typing import NamedTuple, Tuple

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE

_BLOCK = 4096
_NOTHING = np.float32(0)
_FREE = {"reassoc", "nsz", "contract"}  # in which order sums are added up


class LayerCounts(NamedTuple):
    """What a layer gives, and what it holds before it adds its bias.

    Args:
        sums: Sum of the values in the window, float64 (outer, channels).
        largest: Largest magnitude of them.
        squares: Sum of their squares.
        count_before: Number of values before the bias that count.
        largest_before: Largest magnitude of these.
        squares_before: Sum of their squares.
        matters: Whether any value of a channel counts, (channels,).
    """

    sums: np.ndarray
    largest: float
    squares: float
    count_before: int
    largest_before: float
    squares_before: float
    matters: np.ndarray


def by_channel(values: np.ndarray, axis: int, axes: int = 1) -> np.ndarray:
    """Returns values as (outer, channels, inner), float32.

    Args:
        values: Of any shape.
        axis: First axis of the channels.
        axes: How many axes they take.

    Example:
        >>> by_channel(np.zeros((2, 3, 4, 5)), 1).shape
        (2, 3, 20)
    """
    shape = values.shape
    sizes = [
        int(np.prod(part))
        for part in (shape[:axis], shape[axis : axis + axes], shape[axis + axes :])
    ]
    return np.ascontiguousarray(values, np.float32).reshape(sizes)


def layer_counts(values: np.ndarray, bias: np.ndarray, low: float, high: float) -> LayerCounts:
    """Returns what a layer holds within the window that its readers tell apart.

    What it holds before it adds the bias counts where the result is above the window's lower edge.

    Args:
        values: What the layer gives.
        bias: Of each channel, float32.
        low: Lower edge of the window, may be infinite.
        high: Upper edge.

    Example:
        >>> found = layer_counts(np.float32([[[-3, 1, 8]]]), np.float32([2]), 0.0, 6.0)
        >>> found.sums.tolist(), found.largest, found.squares
        ([[7.0]], 6.0, 37.0)
        >>> found.count_before, found.largest_before, found.squares_before
        (2, 6.0, 37.0)
    """
    sums = np.empty(values.shape[:2])
    matters = np.zeros(values.shape[1], np.bool_)
    edges = np.float32(low), np.float32(high)
    largest, squares, *before = _layer_counts(values, bias, *edges, sums, matters)
    return LayerCounts(sums, largest, squares, before[0], before[1], before[2], matters)


def cut_off_before(
    values: np.ndarray, bias: np.ndarray, low: float, limits: np.ndarray
) -> np.ndarray:
    """Returns for each limit the sum of the squares of what lies beyond it before the bias.

    Args:
        values: What the layer gives.
        bias: Of each channel, float32.
        low: Values above it count.
        limits: Magnitudes.

    Example:
        >>> values, bias = np.float32([[[-3, 1, 8]]]), np.float32([2])
        >>> cut_off_before(values, bias, 0.0, np.float32([8, 4])).tolist()
        [0.0, 4.0]
    """
    sums = np.zeros(len(limits))
    if len(limits):
        _cut_off_before(values, bias, np.float32(low), np.asarray(limits, np.float32), sums)
    return sums


def extremes(values: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Returns the largest magnitude of each channel, and the sum of its squares.

    Args:
        values: The values.

    Example:
        >>> [found.tolist() for found in extremes(np.float32([[[-3, 1], [0, 2]]]))]
        [[3.0, 2.0], [10.0, 4.0]]
    """
    largest = np.zeros(values.shape[1], np.float32)
    squares = np.zeros(values.shape[1])
    _extremes(values, largest, squares)
    return largest, squares


def level_counts(values: np.ndarray, top: int) -> np.ndarray:
    """Returns how often each whole number from ``-top - 1`` to ``top`` occurs in each channel.

    Args:
        values: Whole numbers in this range.
        top: The largest.

    Example:
        >>> level_counts(np.float32([[[-2, 1, 1]]]), 1).tolist()
        [[1, 0, 0, 2]]
    """
    counts = np.zeros((values.shape[1], 2 * top + 2), np.int64)
    _level_counts(values, np.float32(top + 1), counts)
    return counts


# Choices, not max and min: these become vector instructions.
@numba.njit(fastmath=_FREE, cache=CACHE)
def _layer_counts(values, bias, low, high, sums, matters):  # type: ignore[no-untyped-def]
    largest, squares, unknown = np.float32(0), np.float64(0), False
    largest_before, squares_before, count = np.float32(0), np.float64(0), 0
    for o in range(values.shape[0]):
        for c in range(values.shape[1]):
            row, b, total, above = values[o, c], bias[c], np.float64(0), 0
            for i in range(row.size):
                value = row[i]
                unknown |= value != value
                before = value - b if value > low else _NOTHING
                above += value > low
                value = low if value < low else value
                value = high if value > high else value
                total += np.float64(value)
                magnitude = abs(value)
                largest = magnitude if magnitude > largest else largest
                squares += np.float64(magnitude * magnitude)
                magnitude = abs(before)
                largest_before = magnitude if magnitude > largest_before else largest_before
                squares_before += np.float64(magnitude * magnitude)
            sums[o, c] = total
            count += above
            matters[c] |= above > 0
    if unknown:
        return np.float32(np.nan), np.nan, count, largest_before, squares_before
    return largest, squares, count, largest_before, squares_before


@numba.njit(fastmath=_FREE, cache=CACHE)
def _cut_off_before(values, bias, low, limits, sums):  # type: ignore[no-untyped-def]
    for o in range(values.shape[0]):
        for c in range(values.shape[1]):
            row, b = values[o, c], bias[c]
            for start in range(0, row.size, _BLOCK):
                block = row[start : start + _BLOCK]
                for k in range(limits.size):
                    limit, found = limits[k], np.float64(0)
                    for i in range(block.size):
                        value = block[i]
                        before = value - b if value > low else _NOTHING
                        beyond = abs(before) - limit
                        beyond = beyond if beyond > _NOTHING else _NOTHING
                        over = np.float64(beyond)
                        found += over * over
                    sums[k] += found


@numba.njit(fastmath=_FREE, cache=CACHE)
def _extremes(values, largest, squares):  # type: ignore[no-untyped-def]
    for o in range(values.shape[0]):
        for c in range(values.shape[1]):
            row, most, total, unknown = values[o, c], largest[c], np.float64(0), False
            for i in range(row.size):
                magnitude = abs(row[i])
                unknown |= magnitude != magnitude
                most = magnitude if magnitude > most else most
                total += np.float64(magnitude * magnitude)
            largest[c] = np.float32(np.nan) if unknown else most
            squares[c] += total


@numba.njit(cache=CACHE)
def _level_counts(values, shift, counts):  # type: ignore[no-untyped-def]
    for o in range(values.shape[0]):
        for c in range(values.shape[1]):
            for i in range(values.shape[2]):
                counts[c, int(values[o, c, i] + shift)] += 1
