# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The choice of bits against trying all of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.search import BitWidth, assign_bits
from tests.growth import times_as_long
from tests.properties import examples

sizes = st.integers(0, 40)
# Costs are multiples of 1/8, so sums are exact and ties occur.
choice = st.builds(
    lambda cost, a, b: BitWidth(a, cost / 8, (a, b)), st.integers(-20, 40), sizes, sizes
)
layers = st.lists(st.lists(choice, min_size=1, max_size=4), min_size=1, max_size=5)


def best(options, budgets):
    costs = [
        sum(c.cost for c in picked)
        for picked in itertools.product(*options)
        if all(sum(c.sizes[r] for c in picked) <= most for r, most in budgets.values())
    ]
    return min(costs) if costs else None


@examples(150)
@given(layers, st.integers(0, 120), st.integers(0, 120), st.sampled_from([0, 1, 2]))
def test_no_other_bits_cost_less(options, most, bops, count):
    named = {f"c{i}": of_layer for i, of_layer in enumerate(options)}
    budgets = dict(list({"weights": (0, most), "bops": (1, bops)}.items())[:count])
    least = best(options, budgets)
    if least is None:
        with pytest.raises(InfeasibleBudgetError):
            assign_bits(named, budgets)
        return
    found = assign_bits(named, budgets)
    assert found.cost == least and found.exact
    assert all(found.sizes[name] <= limit for name, (_, limit) in budgets.items())


# Of two kinds of tensors each takes of one budget only.
apart = st.builds(
    lambda cost, a, kind: BitWidth(a, cost / 8, (a, 0) if kind else (0, a)),
    st.integers(-20, 40),
    sizes,
    st.booleans(),
)


@examples(80)
@given(
    st.lists(st.lists(apart, min_size=1, max_size=4), min_size=1, max_size=5),
    st.integers(0, 90),
    st.integers(0, 90),
)
def test_tensors_that_share_no_budget_are_solved_apart_just_as_well(options, first, second):
    named = {f"c{i}": of_layer for i, of_layer in enumerate(options)}
    budgets = {"weights": (0, first), "activations": (1, second)}
    least = best(options, budgets)
    if least is None:
        with pytest.raises(InfeasibleBudgetError):
            assign_bits(named, budgets)
    else:
        assert assign_bits(named, budgets).cost == least


def many(count, random):
    """Layers of all sizes with two budgets that weights take in different proportion."""
    named = {}
    for number in range(count):
        weights, macs = random.randint(1000, 99999), random.randint(1000, 99999)
        hurt = float(random.rand() ** 2)
        named[f"c{number}"] = [
            BitWidth(bits, hurt * 4.0**-bits, (weights * bits, macs * bits))
            for bits in (2, 3, 4, 8)
        ]
    return named


def test_with_many_states_the_result_is_near_the_best_and_says_so(rng):
    named = many(9, rng)
    budgets = {
        "weights": (0, sum(o[1].sizes[0] for o in named.values())),
        "bops": (1, sum(o[1].sizes[1] for o in named.values())),
    }
    exact = assign_bits(named, budgets)
    near = assign_bits(named, budgets, most_states=100)
    assert exact.exact and not near.exact
    assert exact.cost <= near.cost < 1.25 * exact.cost
    assert all(near.sizes[name] <= most for name, (_, most) in budgets.items())


def four_bits(named):
    """Budgets of weights and of operations that 4 bits for all layers just meet."""
    return {
        name: (r, sum(o[2].sizes[r] for o in named.values()))
        for r, name in enumerate(("weights", "bops"))
    }


def test_time_grows_as_the_layers_do_under_two_budgets(rng):
    few, named = many(20, rng), many(60, rng)
    # 3 times the layers; were it their square, 9 times the time.
    assert 6 > times_as_long(
        lambda: assign_bits(named, four_bits(named), most_states=2000),
        lambda: assign_bits(few, four_bits(few), most_states=2000),
        rounds=1,
    )


def test_sixty_layers_meet_two_budgets(rng):
    named = many(60, rng)
    budgets = four_bits(named)
    found = assign_bits(named, budgets, most_states=2000)
    assert all(found.sizes[name] <= most for name, (_, most) in budgets.items())
    # As good as the same bits for all, at least.
    assert found.cost <= sum(options[2].cost for options in named.values())


def test_what_is_reachable_is_said_if_the_budget_is_not():
    with pytest.raises(InfeasibleBudgetError, match="least reachable is 1.00 kB"):
        assign_bits({"a": [BitWidth(2, 0.0, (8192,))]}, {"weights": (0, 8191)})


@pytest.mark.parametrize("cost", [np.nan, np.inf])
def test_a_cost_that_is_no_number_is_refused(cost):
    with pytest.raises(ConfigError, match="no finite number"):
        assign_bits({"a": [BitWidth(2, cost, (1,))]}, {})
