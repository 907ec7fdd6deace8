# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The best of all choices, against a trial of all of them."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nnabla_compress.errors import InfeasibleBudgetError
from nnabla_compress.search import Sensitivity
from nnabla_compress.search.assign import assign, reachable_sizes
from nnabla_compress.search.problem import Option


def going(group, share):
    row = ("channels", group, "Affine", 4, 8, 32, 8, 0.0, None, None, None, share, 0, 0)
    return Sensitivity(*row, {"channels": [0]})


class MadeUp:
    """Layers in a row, each between two groups, with costs and sizes at random."""

    def __init__(self, seed, groups=3, layers=4):
        self.random = np.random.RandomState(seed)
        shares = (0.25, 0.5)
        self.groups = {f"g{n}": [None, *(going(f"g{n}", s) for s in shares)] for n in range(groups)}
        self.costs = {(f"g{n}", s): self.random.rand() * s for n in range(groups) for s in shares}
        self.noise = self.random.rand(layers, 3) * np.float64([1.0, 0.3, 0.05])
        self.elements = self.random.randint(8, 40, layers) * 16

    def cost(self, going):
        return sum(self.costs[row.layer, row.share] for row in going if row is not None)

    def options(self, going):
        stay = [1 - (row.share if row is not None else 0) for row in going]
        found = {}
        for number, elements in enumerate(self.elements):
            ends = [n for n in (number - 1, number) if 0 <= n < len(stay)]
            left = int(elements * np.prod([stay[n] for n in ends]))
            found["weights", f"w{number}"] = [
                Option(noise, (bits * left, bits * left, 0, left), bits)
                for bits, noise in zip((2, 4, 8), self.noise[number])
            ]
        return found


def best_of_all(problem, budgets):
    best = np.inf
    for rows in product(*problem.groups.values()):
        options = problem.options(rows)
        for picked in product(*options.values()):
            sizes = np.sum([option.sizes for option in picked], axis=0)
            if all(sizes[place] <= most for place, most in budgets.values()):
                best = min(best, sum(o.cost for o in picked) + problem.cost(rows))
    return best


@pytest.mark.parametrize("seed", range(6))
def test_with_one_budget_it_is_the_best_there_is(seed):
    problem = MadeUp(seed)
    least, most = reachable_sizes(problem, 0)
    for part in (0.05, 0.3, 0.7):
        budgets = {"weights": (0, int(least + part * (most - least)))}
        found = assign(problem, budgets)
        assert found.exact and found.cost == pytest.approx(best_of_all(problem, budgets))
        assert found.sizes["weights"] <= budgets["weights"][1]


@pytest.mark.parametrize("seed", range(4))
def test_where_groups_change_one_by_one_budgets_are_kept_and_it_is_near_the_best(seed, monkeypatch):
    problem = MadeUp(seed)
    least, most = reachable_sizes(problem, 0)
    budgets = {"weights": (0, (least + most) // 3)}
    monkeypatch.setattr(f"{assign.__module__}._MOST_TRIED", 0)
    found = assign(problem, budgets)
    assert not found.exact and found.sizes["weights"] <= budgets["weights"][1]
    best = best_of_all(problem, budgets)
    assert best - 1e-9 <= found.cost <= 1.15 * best


@pytest.mark.parametrize("seed", range(3))
def test_several_budgets_are_kept_together(seed):
    problem = MadeUp(seed)
    budgets = {
        name: (place, sum(reachable_sizes(problem, place)) // 2)
        for name, place in (("weights", 0), ("macs", 3))
    }
    found = assign(problem, budgets)
    assert all(found.sizes[name] <= most for name, (_, most) in budgets.items())
    assert found.cost <= 1.15 * best_of_all(problem, budgets) + 1e-9
    assert found.cost >= best_of_all(problem, budgets) - 1e-9


def test_what_is_reachable_is_the_least_and_the_largest_of_all():
    problem = MadeUp(1)
    sizes = [
        sum(min(o.sizes[0] for o in own) for own in problem.options(rows).values())
        for rows in product(*problem.groups.values())
    ]
    largest = 8 * int(np.sum(problem.elements))
    assert reachable_sizes(problem, 0) == (min(sizes), largest)


def test_a_budget_below_what_is_reachable_says_so():
    problem = MadeUp(1)
    least, _ = reachable_sizes(problem, 3)
    with pytest.raises(InfeasibleBudgetError, match=f"the least reachable is {least:,} "):
        assign(problem, {"macs": (3, least - 1)})
    assert assign(problem, {"macs": (3, least)}).sizes["macs"] == least


def test_the_same_sum_of_noise_is_not_paid_for_what_no_budget_asks_for():
    found = assign(MadeUp(2), {"weights": (0, 10**9)})
    assert found.channels == {} and set(found.bits.values()) == {8}
