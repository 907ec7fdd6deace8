# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The best dictionary of entries that a device allows: some of sorted candidates.

Of two neighbouring entries each value takes the nearer one, so the error is a sum over pairs of
neighbours, and the cheapest chain of ``count`` candidates is the optimum: a shortest path, found by
dynamic programming.
"""

from __future__ import annotations

import numpy as np

from nnabla_compress.kernels.sorted_cells import Cells


def chosen_entries(
    cells: Cells, candidates: np.ndarray, count: int, needed: int = -1
) -> np.ndarray:
    """Returns the candidates with the least summed squared distance of the values to the nearest.

    Args:
        cells: The values.
        candidates: Distinct, ascending, float64, shape (C,); at least ``count`` of them.
        count: How many to choose.
        needed: Index of one that is chosen in any case; -1 for none.

    Returns:
        Shape (count,), ascending.

    Example:
        >>> from nnabla_compress.kernels.sorted_cells import sorted_cells
        >>> cells = sorted_cells(np.float32([-1, 0.9, 1.2, 4]))
        >>> chosen_entries(cells, np.array([-2.0, -1, 1, 2, 4]), 3).tolist()
        [-1.0, 1.0, 4.0]
    """
    between, left, right = _costs(cells, candidates)
    if needed >= 0:
        between[:needed, needed + 1 :] = np.inf
        left[needed + 1 :] = right[:needed] = np.inf
    number = len(candidates)
    least, choices = left, np.zeros((count, number), np.int32)
    for chosen in range(1, count):
        paths = least[:, None] + between
        choices[chosen] = paths.argmin(axis=0)
        least = paths[choices[chosen], np.arange(number)]
    at = [int((least + right).argmin())]
    for chosen in range(count - 1, 0, -1):
        at.append(int(choices[chosen, at[-1]]))
    entries: np.ndarray = candidates[at[::-1]]
    return entries


def _costs(cells: Cells, candidates: np.ndarray):  # type: ignore[no-untyped-def]
    """What the values between two neighbours cost, and those beyond the first and last entry."""
    number = len(candidates)
    places = np.searchsorted(cells.values, candidates, side="right")
    middles = (candidates[:, None] + candidates) / 2
    halves = np.searchsorted(cells.values, middles, side="right")
    away = candidates - cells.centre

    def cost(start: np.ndarray, stop: np.ndarray, entry: np.ndarray) -> np.ndarray:
        weight, first, second = (
            s[stop] - s[start] for s in (cells.weight, cells.first, cells.second)
        )
        return np.maximum(second - 2 * entry * first + entry * entry * weight, 0)

    between = cost(places[:, None], halves, away[:, None]) + cost(halves, places, away)
    between[np.tril_indices(number)] = np.inf
    last = np.full(number, len(cells.values))
    return between, cost(0 * last, places, away), cost(places, last, away)
