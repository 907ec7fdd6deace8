# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights tied to a table, and the squared error of their layer: moments of the table, descent."""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE


def table_moments(codes: np.ndarray, gram: np.ndarray, entries: int) -> np.ndarray:
    """Returns what the squared error of a layer is as a quadratic form of its table.

    With the weights ``d[codes]`` of an output, ``w G w^T`` is ``d M d^T``; M is summed over outputs
    and groups.

    Args:
        codes: uint8, (groups, outputs, row).
        gram: G, float32, (groups, row, row).
        entries: The number of entries, K.

    Returns:
        M, float64, (K, K).

    Example:
        >>> gram = np.float32([[[1, 2], [2, 5]]])
        >>> table_moments(np.uint8([[[0, 1], [1, 1]]]), gram, 2).tolist()
        [[1.0, 2.0], [2.0, 15.0]]
    """
    moments = np.zeros((entries, entries))
    for group in range(len(codes)):
        _add_moments(codes[group], gram[group], moments)
    return moments


@numba.njit(cache=CACHE)
def _add_moments(codes, gram, moments):  # type: ignore[no-untyped-def]
    entries, row = moments.shape[0], gram.shape[0]
    sums = np.empty((entries, row))
    for output in range(codes.shape[0]):
        sums[...] = 0
        for i in range(row):
            into = sums[codes[output, i]]
            for j in range(row):
                into[j] += gram[i, j]
        for k in range(entries):
            for j in range(row):
                moments[k, codes[output, j]] += sums[k, j]


@numba.njit(cache=CACHE)
def descend_on_table(  # type: ignore[no-untyped-def]
    values, free, entries, gram, slope, sweeps
):
    """Moves the weights of one row to the entries that lower its squared error most, in turn.

    Args:
        values: The weights, float32 (d,); changed in place.
        free: Which of them may move (d,).
        entries: Sorted entries, float32 (K,).
        gram: Second moments of the inputs, float32 (d, d).
        slope: Half the gradient of the error by the weights, float64 (d,); changed in place.
        sweeps: Most passes over the row; it ends when none moves.
    """
    for _ in range(sweeps):
        moved = False
        for i in range(values.size):
            curvature = gram[i, i]
            if not free[i] or curvature <= 0:
                continue
            wanted = values[i] - slope[i] / curvature
            low, high = 0, entries.size - 1
            while low < high:
                middle = (low + high) >> 1
                if wanted > (np.float64(entries[middle]) + entries[middle + 1]) / 2:
                    low = middle + 1
                else:
                    high = middle
            delta = np.float64(entries[low]) - values[i]
            if delta * (2 * slope[i] + delta * curvature) >= -1e-12:
                continue
            values[i] = entries[low]
            moved = True
            for j in range(values.size):
                slope[j] += delta * gram[i, j]
        if not moved:
            return
