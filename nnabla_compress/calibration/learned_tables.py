# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A layer's table and who takes which entry, learned together from what the layer computes.

Given the assignments, the outputs of a layer are linear in the entries, so the best table solves
normal equations of K unknowns (:func:`nnabla_compress.kernels.tied_values.table_moments`). Given
the table, each weight moves to the entry that lowers the error of its output most, in turn. Both
are repeated while the error falls.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.calibration.learned_rounding import Moments, errors, nothing_to_learn, products
from nnabla_compress.kernels.tied_values import descend_on_table, table_moments
from nnabla_compress.quantizers.choices import Table

_SWEEPS = 20
# Rounds end when one lowers the error by less than this part of it.
_LEAST_GAIN = 1e-3
# Part of the largest moment that holds entries which hardly any weight takes where they are.
_RIDGE = 1e-6


def learn_table(
    values: np.ndarray, rows: np.ndarray, table: Table, found: Moments, rounds: int
) -> Tuple[np.ndarray, np.ndarray]:
    """Returns better values of the weights, and their table.

    Args:
        values: Entries of the table for each weight, float32, (groups, outputs, row).
        rows: The float weights.
        table: The table that they start from.
        found: Moments of the samples.
        rounds: How often the table is fitted at most.

    Returns:
        Values and entries, float32; the error is not above that of ``values``.
    """
    entries = table.entries.astype(np.float32)
    if nothing_to_learn(values, rows, found):
        return values, entries
    free = values != 0 if table.skips_zero else np.ones(values.shape, np.bool_)
    values = _moved(values, rows, table.open(entries), free, found)
    least = float(errors(values, rows, found).sum())
    for _ in range(0 if table.fixed else rounds):
        fitted = _fitted(values, entries, rows, table, found)
        tried = fitted[np.searchsorted(entries, values)]
        fitted = np.sort(fitted)
        # A table that the device's grid moved away from the best may be a worse one.
        if not errors(tried, rows, found).sum() < least:
            break
        values, entries = _moved(tried, rows, table.open(fitted), free, found), fitted
        error = float(errors(values, rows, found).sum())
        gain, least = least - error, error
        if gain < _LEAST_GAIN * abs(least):
            break
    return values, entries


def _moved(
    values: np.ndarray, rows: np.ndarray, entries: np.ndarray, free: np.ndarray, found: Moments
) -> np.ndarray:
    """The weights on the entries that lower the error, one after the other."""
    moved = values.copy()
    slopes = products(values - rows, found) - found.slope
    for group in range(len(rows)):
        for output in range(rows.shape[1]):
            at = group, output
            descend_on_table(moved[at], free[at], entries, found.gram[group], slopes[at], _SWEEPS)
    return moved


def _fitted(
    values: np.ndarray, entries: np.ndarray, rows: np.ndarray, table: Table, found: Moments
) -> np.ndarray:
    """The table that leaves the least error while each weight keeps its entry."""
    codes = np.searchsorted(entries, values).astype(np.uint8)
    count = len(entries)
    moments = table_moments(codes, found.gram, count)
    wanted = products(rows, found) + found.slope
    slope = np.bincount(codes.ravel(), wanted.ravel(), count)
    ridge = _RIDGE * max(float(moments.diagonal().max()), 1e-30)
    moments = moments + ridge * np.eye(count)
    slope = slope + ridge * entries
    basis = table.basis(entries)
    solved = np.linalg.solve(basis.T @ moments @ basis, basis.T @ slope)
    fitted: np.ndarray = table.project(basis @ solved)
    return fitted
