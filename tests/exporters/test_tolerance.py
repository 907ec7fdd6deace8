# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One rule says how far what is made of a network may be from it."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.agreement import agreement
from nnabla_compress.exporters.tolerance import Tolerance

EXPECTED = [np.float32([[3.0, 4.0]])]


def got(difference):
    return [np.float32([[3.0, 4.0 + difference]])]


def allows(tolerance, difference, response=None):
    wrong, limit = tolerance.judge(agreement(EXPECTED, got(difference)), response)
    return wrong <= limit


def test_additions_in_another_order_move_each_value_a_little():
    assert allows(Tolerance(1e-2), 0.039) and not allows(Tolerance(1e-2), 0.041)


def test_single_steps_count_by_their_root_mean_square():
    steps = Tolerance(1e-4, steps=True)
    assert allows(steps, 0.24) and not allows(steps, 0.26)  # 5 % of a signal of 5


def test_a_network_that_answers_small_changes_strongly_may_differ_more():
    steps, calls = Tolerance(1e-4, steps=True), []

    def response():
        calls.append(1)
        return 0.1

    assert allows(steps, 0.2, response) and not calls
    assert allows(steps, 0.99, response) and not allows(steps, 1.01, response)


@pytest.mark.parametrize("steps", [False, True])
def test_integers_may_be_half_of_the_signal_apart(steps):
    rounded = Tolerance(1e-4, steps, rounded=True)
    assert allows(rounded, 2.4) and not allows(rounded, 2.6, lambda: 20.0)


def test_what_is_not_finite_is_never_allowed():
    assert not allows(Tolerance(1e-4, rounded=True), np.nan)
