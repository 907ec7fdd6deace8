# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The best dictionary of sorted values: exact one-dimensional k-means by dynamic programming.

The clusters of the optimum are runs of the sorted values. With ``cost(i, j)`` the squared
deviation of cells i to j - 1 from their mean,

    best[q, j] = min over i of best[q - 1, i] + cost(i, j)

is the least error of the first j cells in q clusters. Where the last cluster begins never moves
back when j grows, nor when q does, so each row takes n log n evaluations: the ends are visited at
halving strides, each between what its neighbours found.

Where one entry is fixed at zero, no other cluster of the optimum reaches over zero: what lies
there is nearer to zero. The two sides are then solved apart, as magnitudes of which the smallest
go to zero, ``best[0, j]`` being their sum of squares, and share the other entries as is best.

H. Wang and M. Song, Ckmeans.1d.dp: optimal k-means clustering in one dimension by dynamic
programming, The R Journal 3(2), 2011.
"""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE
from nnabla_compress.kernels.sorted_cells import Cells, merged

# Cells times entries that a dynamic programme takes; more cells are merged.
LARGEST = 1 << 22
MOST_CELLS = 1 << 18
_LLOYD_STEPS = 500


def best_entries(cells: Cells, count: int, zero: bool = False) -> np.ndarray:
    """Returns the entries with the least summed squared distance of the values to the nearest.

    With up to ``min(LARGEST / count, MOST_CELLS)`` cells they are the optimum, up to float64
    rounding. More are merged into so many, and Lloyd's steps on all cells follow: the root mean
    square error is then at most ``2 sqrt(within / n)`` of the merged cells above the optimum. Of
    merged cells spread as well as possible that is 2 count / cells, under 1 part in 32 for 256
    entries; what is measured is far less.

    Args:
        cells: The values.
        count: How many entries.
        zero: Whether there is one more entry that is fixed at zero, and not among those returned.

    Returns:
        Ascending, float64; fewer than ``count`` if there are no more distinct values.

    Example:
        >>> from nnabla_compress.kernels.sorted_cells import sorted_cells
        >>> best_entries(sorted_cells(np.float32([1, 2, 9, 11])), 2).tolist()
        [1.5, 10.0]
    """
    if count < 1 or not cells.values.size:
        return np.empty(0)
    coarse = merged(cells, max(min(LARGEST // count, MOST_CELLS), 2 * count))
    entries = _beside_zero(coarse, count) if zero else _free(coarse, count)
    if len(coarse.values) == len(cells.values):
        return entries
    return _descended(cells, entries, zero)


def _free(cells: Cells, count: int) -> np.ndarray:
    number = min(count, len(cells.values))
    if number == len(cells.values):
        return cells.values.copy()
    unused = np.full(len(cells.weight), np.inf)
    unused[0] = 0
    _, choices = _programme(cells.weight, cells.first, cells.second, unused, number)
    return cells.means(_ends(choices, number, len(cells.values)))


def _beside_zero(cells: Cells, count: int) -> np.ndarray:
    below = int(np.searchsorted(cells.values, 0, "left"))
    above = int(np.searchsorted(cells.values, 0, "right"))
    sides = []
    for side in (_mirrored(cells, below), _part(cells, above)):
        number = min(count, len(side.values))
        away = side.centre
        squares = side.second + 2 * away * side.first + away * away * side.weight
        costs, choices = _programme(side.weight, side.first, side.second, squares, number)
        sides.append((side, costs, choices))
    (left, left_costs, left_choices), (right, right_costs, right_choices) = sides
    shares = [
        (left_costs[q] + right_costs[r], q, r)
        for q in range(len(left_costs))
        for r in [min(count - q, len(right_costs) - 1)]
        if r >= 0
    ]
    _, q, r = min(shares)
    negative = left.means(_ends(left_choices, q, len(left.values)))
    positive = right.means(_ends(right_choices, r, len(right.values)))
    return np.concatenate([-negative[::-1], positive])


def _part(cells: Cells, start: int) -> Cells:
    """The cells from one on, centred on their mean."""
    weight, first, second = (s[start:] - s[start] for s in cells[2:5])
    return _centred(cells.values[start:], weight, first, second, cells.centre)


def _mirrored(cells: Cells, stop: int) -> Cells:
    """The cells before one as magnitudes, ascending."""
    weight, first, second = (s[stop] - s[: stop + 1][::-1] for s in cells[2:5])
    return _centred(-cells.values[:stop][::-1], weight, -first, second, -cells.centre)


def _centred(
    values: np.ndarray, weight: np.ndarray, first: np.ndarray, second: np.ndarray, centre: float
) -> Cells:
    shift = float(first[-1] / weight[-1]) if weight[-1] else 0.0
    second = second - 2 * shift * first + shift * shift * weight
    return Cells(values, centre + shift, weight, first - shift * weight, second, 0.0)


def _ends(choices: np.ndarray, clusters: int, count: int) -> np.ndarray:
    """Where the clusters of the first ``count`` cells begin and end."""
    ends = [count]
    for cluster in range(clusters, 0, -1):
        ends.append(int(choices[cluster, ends[-1]]))
    return np.array(ends[::-1])


def _descended(cells: Cells, entries: np.ndarray, zero: bool) -> np.ndarray:
    """Lloyd's steps until the error no longer falls."""
    error = np.inf
    for _ in range(_LLOYD_STEPS):
        fixed = int(np.searchsorted(entries, 0))
        every = np.insert(entries, fixed, 0.0) if zero else entries
        reached = cells.error(every)
        if not reached < error * (1 - 1e-9):
            break
        error, best = reached, entries
        means = cells.means(cells.split(every))
        means = np.where(np.isnan(means), every, means)
        entries = np.delete(means, fixed) if zero else means
    return best


@numba.njit(cache=CACHE)
def _programme(weight, first, second, start, clusters):  # type: ignore[no-untyped-def]
    """Returns the least errors of all cells, and where the last cluster begins, for 0 .. clusters.

    Args:
        weight: Running sums, (n + 1,).
        first: Likewise.
        second: Likewise.
        start: The errors of the first j cells without any cluster, (n + 1,).
        clusters: How many, at most n.
    """
    count = weight.size - 1
    choices = np.zeros((clusters + 1, count + 1), np.int32)
    costs = np.empty(clusters + 1)
    costs[0] = start[count]
    before, now = start.copy(), np.empty(count + 1)
    stride_0 = 1
    while 2 * stride_0 <= count:
        stride_0 *= 2
    for q in range(1, clusters + 1):
        now[:q] = np.inf
        row, above = choices[q], choices[q - 1]
        stride = stride_0
        while stride:
            for j in range(stride, count + 1, 2 * stride):
                if j < q:
                    continue
                low = max(q - 1, above[j])
                if j - stride >= q:
                    low = max(low, row[j - stride])
                high = j - 1
                if j + stride <= count:
                    high = min(high, row[j + stride])
                least, chosen = np.inf, low
                for i in range(low, high + 1):
                    mass, moment = weight[j] - weight[i], first[j] - first[i]
                    error = before[i] + (second[j] - second[i] - moment * moment / mass)
                    if error < least:
                        least, chosen = error, i
                now[j], row[j] = least, chosen
            stride //= 2
        costs[q] = now[count]
        before, now = now, before
    return costs, choices
