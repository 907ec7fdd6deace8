# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Outcomes."""

from __future__ import annotations

from nnabla_compress.search.walk import Outcome, best_of


def test_of_equal_rewards_the_fewest_bits_are_best():
    outcomes = [Outcome((8, 2), 1.0, 0.5), Outcome((4, 4), 1.0, 0.5), Outcome((2, 2), 0.1, 0.2)]
    assert best_of(outcomes).bits == (4, 4)


def test_what_was_not_evaluated_has_no_accuracy():
    assert Outcome((2,), None, -1.0).relative == 0.0
