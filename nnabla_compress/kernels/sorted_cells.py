# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Values as sorted cells with running sums: what a dictionary costs, without walking the values.

A cell stands for one distinct value, or for values that lie close together. The running sums give
the weight, the mean and the squared deviation of any run of cells at once. They are sums of
deviations from the mean of all values, so that values far from zero lose no digits.
"""

from __future__ import annotations

from typing import NamedTuple, Optional, Tuple

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE

# Cells that values are put into where there are more distinct ones: at most twice as many.
FINE = 1 << 17


class Cells(NamedTuple):
    """Sorted values with their weights.

    Args:
        values: Mean of each cell, ascending, float64, shape (n,).
        centre: What is taken off the values before they are summed.
        weight: Running sums of the weights, shape (n + 1,), from 0.
        first: Running sums of weight times deviation from ``centre``.
        second: Running sums of weight times squared deviation, of every value.
        within: Summed squared deviation of the values from the means of their cells. With n
            values, no value set apart, the optimum of the cells is that of the values but for twice
            ``sqrt(within / n)`` of root mean square error.
    """

    values: np.ndarray
    centre: float
    weight: np.ndarray
    first: np.ndarray
    second: np.ndarray
    within: float

    @property
    def total(self) -> float:
        """Weight of all values."""
        return float(self.weight[-1])

    def means(self, ends: np.ndarray) -> np.ndarray:
        """Returns the means of runs of cells; NaN for empty ones.

        Args:
            ends: Where the runs begin and end, shape (K + 1,).
        """
        weight = np.diff(self.weight[ends])
        with np.errstate(invalid="ignore", divide="ignore"):
            means: np.ndarray = self.centre + np.diff(self.first[ends]) / weight
        return means

    def split(self, dictionary: np.ndarray) -> np.ndarray:
        """Returns where the runs of cells nearest to each of some sorted entries begin and end."""
        middles = (dictionary[1:] + dictionary[:-1]) / 2
        inner = np.searchsorted(self.values, middles, side="right")
        return np.concatenate([[0], inner, [len(self.values)]])

    def error(self, dictionary: np.ndarray) -> float:
        """Returns the summed squared distance of all values to the nearest of sorted entries."""
        entries = np.asarray(dictionary, np.float64)
        ends = self.split(entries)
        away = entries - self.centre
        weight, first, second = (
            np.diff(sums[ends]) for sums in (self.weight, self.first, self.second)
        )
        return float(np.maximum(second - 2 * away * first + away * away * weight, 0).sum())


def sorted_cells(values: np.ndarray, weights: Optional[np.ndarray] = None) -> Cells:
    """Returns the distinct values as cells; beyond 2 ``FINE`` of them, cells that hold several.

    A cell is closed where it holds 1 / FINE of all n values, or would spread over more than
    1 / FINE of their range R. So ``sqrt(within / n)`` is at most R / 2**16: no width is above
    R / FINE and their sum is at most R, so that weighting their squares with 1 / FINE + 1 / n, the
    most that a cell holds beside copies of one value, gives less than the square of that.

    Args:
        values: Finite numbers of any shape.
        weights: Positive weights of the same shape; None for 1.

    Example:
        >>> cells = sorted_cells(np.float32([2, -1, 2, 3]))
        >>> cells.values.tolist(), cells.weight.tolist(), cells.error(np.array([-1.0, 2.0]))
        ([-1.0, 2.0, 3.0], [0.0, 1.0, 3.0, 4.0], 1.0)
    """
    flat = values.reshape(-1)
    if weights is None:
        flat, weight = np.sort(flat), np.ones(1)
    else:
        order = np.argsort(flat, kind="stable")
        flat, weight = flat[order], weights.reshape(-1)[order].astype(np.float64)
    if not flat.size:
        nothing = np.zeros(1)
        return Cells(np.empty(0), 0.0, nothing, nothing, nothing, 0.0)
    centre = float(flat.mean(dtype=np.float64))
    ends = _distinct(flat, 2 * FINE)
    exact = bool(ends.size)
    if not exact:
        ends = _close_together(flat, FINE)
    mass, first, second = _running_sums(flat, weight, ends, centre)
    means, within = _rests(mass, first, second)
    if exact:
        return Cells(flat[ends - 1].astype(np.float64), centre, mass, first, second, 0.0)
    return Cells(centre + means, centre, mass, first, second, within)


def merged(cells: Cells, most: int) -> Cells:
    """Returns no more than ``most`` cells: neighbours that lie close together become one.

    They are cut at equal steps of the sum of ``weight^(1/3) width^(2/3)``, the integral of the
    cube root of the density: of all cells in this number these have the least ``within``.

    Args:
        cells: Cells.
        most: A number of cells, at least 1.

    Example:
        >>> few = merged(sorted_cells(np.float32([0, 0.5, 1, 8, 8.5, 9])), 2)
        >>> few.values.tolist(), few.weight.tolist()
        ([0.25, 6.625], [0.0, 2.0, 6.0])
    """
    if len(cells.values) <= most:
        return cells
    middles = (cells.values[1:] + cells.values[:-1]) / 2
    edges = np.concatenate([cells.values[:1], middles, cells.values[-1:]])
    steps = np.cbrt(np.diff(cells.weight) * np.diff(edges) ** 2)
    reached = np.cumsum(steps)
    place = np.minimum((reached * (most / reached[-1])).astype(np.int64), most - 1)
    ends = np.append(np.flatnonzero(np.diff(place, prepend=-1)), len(place))
    weight, first, second = (s[ends] for s in (cells.weight, cells.first, cells.second))
    means, within = _rests(weight, first, second)
    return Cells(cells.centre + means, cells.centre, weight, first, second, within)


def _rests(weight: np.ndarray, first: np.ndarray, second: np.ndarray) -> Tuple[np.ndarray, float]:
    """The means of cells, less the centre, and what their values deviate from them."""
    means = np.diff(first) / np.diff(weight)
    return means, float(np.maximum(np.diff(second) - means * np.diff(first), 0).sum())


@numba.njit(cache=CACHE)
def _distinct(flat, most):  # type: ignore[no-untyped-def]
    """Where runs of equal values end; nothing if there are more than ``most``."""
    ends = np.empty(most, np.int64)
    count = 0
    for i in range(flat.size):
        if i + 1 == flat.size or flat[i + 1] != flat[i]:
            if count == most:
                return ends[:0]
            ends[count] = i + 1
            count += 1
    return ends[:count]


@numba.njit(cache=CACHE)
def _close_together(flat, parts):  # type: ignore[no-untyped-def]
    width = (np.float64(flat[-1]) - np.float64(flat[0])) / parts
    number = flat.size // parts + 1
    ends = np.empty(2 * parts + 2, np.int64)
    count, start = 0, 0
    for i in range(1, flat.size):
        # Equal values stay together, so that one cell has one nearest entry.
        full = i - start >= number and flat[i] != flat[i - 1]
        if full or np.float64(flat[i]) - np.float64(flat[start]) > width:
            ends[count] = i
            count += 1
            start = i
    ends[count] = flat.size
    return ends[: count + 1]


@numba.njit(cache=CACHE)
def _running_sums(flat, weight, ends, centre):  # type: ignore[no-untyped-def]
    sums = np.zeros((3, ends.size + 1))
    start = 0
    for cell in range(ends.size):
        mass, first, second = 0.0, 0.0, 0.0
        for i in range(start, ends[cell]):
            w = weight[i] if weight.size > 1 else weight[0]
            away = flat[i] - centre
            mass += w
            first += w * away
            second += w * away * away
        sums[0, cell + 1] = sums[0, cell] + mass
        sums[1, cell + 1] = sums[1, cell] + first
        sums[2, cell + 1] = sums[2, cell] + second
        start = ends[cell]
    return sums
