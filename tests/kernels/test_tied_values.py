# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights tied to a table: its quadratic form, and descent that never raises the error."""

from __future__ import annotations

import numpy as np

from nnabla_compress.kernels.tied_values import descend_on_table, table_moments


def test_the_moments_of_a_table_are_those_of_the_weights_that_take_its_entries(rng):
    codes = rng.randint(0, 4, (2, 3, 7)).astype(np.uint8)
    inputs = rng.randn(2, 50, 7).astype(np.float32)
    gram = inputs.transpose(0, 2, 1) @ inputs
    table = rng.randn(4)
    weights = table[codes]
    expected = np.einsum("goi,gij,goj->", weights, gram, weights)
    moments = table_moments(codes, gram, 4)
    np.testing.assert_allclose(table @ moments @ table, expected, rtol=1e-5)
    np.testing.assert_allclose(moments, moments.T, rtol=1e-4, atol=1e-3)


def test_descent_ends_where_no_single_move_lowers_the_error(rng):
    inputs = (rng.randn(60, 9) @ rng.randn(9, 9)).astype(np.float32)
    gram = inputs.T @ inputs
    wanted = rng.randn(9)
    entries = np.float32([-1, -0.25, 0, 0.5, 1.5])
    values = entries[rng.randint(0, 5, 9)]
    free = np.arange(9) != 4

    def error(weights):
        u = weights.astype(np.float64) - wanted
        return u @ gram @ u

    moved = values.copy()
    slope = gram @ (moved - wanted)
    descend_on_table(moved, free, entries, gram, slope, 50)
    assert moved[4] == values[4] and error(moved) < error(values)
    np.testing.assert_allclose(slope, gram @ (moved - wanted), rtol=1e-4, atol=1e-3)
    for i in np.flatnonzero(free):
        for entry in entries:
            other = moved.copy()
            other[i] = entry
            assert error(other) >= error(moved) * (1 - 1e-6)


def test_inputs_that_are_always_zero_leave_their_weights_alone():
    values = np.float32([1, 1])
    gram = np.float32([[0, 0], [0, 1]])
    descend_on_table(values, np.ones(2, bool), np.float32([0, 1]), gram, np.array([0.0, 1.0]), 9)
    assert values.tolist() == [1, 0]
