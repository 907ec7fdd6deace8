# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The best choice of each thing within budgets, against trying all."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nnabla_compress.knapsack import Choice, fill, least


def best_of_all(choices, budgets):
    kept = [
        sum(choice.cost for choice in picked)
        for picked in product(*choices.values())
        if all(sum(c.sizes[place] for c in picked) <= most for place, most in budgets.items())
    ]
    return min(kept) if kept else None


@pytest.mark.parametrize("budgets", [{0: 12}, {1: 20}, {0: 12, 1: 20}, {0: 2}, {}])
def test_it_finds_what_trying_all_finds(budgets):
    for seed in range(20):
        rng = np.random.RandomState(seed)
        choices = {
            name: [
                Choice(float(rng.rand()), tuple(int(n) for n in rng.randint(0, 9, 2)))
                for _ in range(4)
            ]
            for name in "abcd"
        }
        found, wanted = fill(choices, budgets), best_of_all(choices, budgets)
        if wanted is None:
            assert found is None
            continue
        picked = [choices[name][number] for name, number in found.picked.items()]
        assert sum(choice.cost for choice in picked) == pytest.approx(wanted)
        for place, most in budgets.items():
            assert sum(choice.sizes[place] for choice in picked) <= most


def test_the_least_is_the_sum_of_the_smallest():
    choices = {"a": [Choice(0, (3, 9)), Choice(1, (2, 10))], "b": [Choice(0, (4, 1))]}
    assert (least(choices), least(choices, 1)) == (6, 10)
