# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One rule says how far what is made of a network may be from it."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.exporters.tolerance import Tolerance, hardly_moved

EXPECTED = [np.float32([[3.0, 4.0]])]


def got(difference):
    return [np.float32([[3.0, 4.0 + difference]])]


def allows(tolerance, difference, moved=None):
    wrong, limit = tolerance.judge(EXPECTED, got(difference), moved)
    return wrong <= limit


def test_additions_in_another_order_move_each_value_a_little():
    assert allows(Tolerance(1e-2), 0.039) and not allows(Tolerance(1e-2), 0.041)


def test_single_steps_count_by_their_root_mean_square():
    steps = Tolerance(1e-4, steps=True)
    assert allows(steps, 0.24) and not allows(steps, 0.26)  # 5 % of a signal of 5


def test_a_network_that_answers_small_changes_strongly_may_differ_more():
    steps, calls = Tolerance(1e-4, steps=True), []

    def moved():
        calls.append(1)
        return got(0.5)

    assert allows(steps, 0.2, moved) and not calls
    assert allows(steps, 0.99, moved) and not allows(steps, 1.01, moved)


@pytest.mark.parametrize("steps", [False, True])
def test_integers_may_be_half_of_the_signal_apart(steps):
    rounded = Tolerance(1e-4, steps, rounded=True)
    assert allows(rounded, 2.4) and not allows(rounded, 2.6, lambda: got(100.0))


def test_what_is_not_finite_is_never_allowed():
    assert not allows(Tolerance(1e-4, rounded=True), np.nan)


def test_inputs_move_by_a_thousandth_of_their_spread():
    x = np.random.RandomState(0).randn(1000) * 50
    (moved,) = hardly_moved([x])
    assert 0.045 < np.std(moved - x) < 0.055
    np.testing.assert_array_equal(moved, hardly_moved([x])[0])
