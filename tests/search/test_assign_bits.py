# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The choice of bits against trying all of them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nnabla_compress.errors import InfeasibleBudgetError
from nnabla_compress.recipes import CompressionPart
from nnabla_compress.search.assign_bits import Assignment, Choice, assign_bits, choices_of
from nnabla_compress.search.sensitivity import Sensitivities, Sensitivity

sizes = st.integers(0, 40)
# Costs are multiples of 1/8, so sums are exact and ties occur.
choice = st.builds(
    lambda cost, a, b: Choice(a, cost / 8, (a, b)), st.integers(-20, 40), sizes, sizes
)
layers = st.lists(st.lists(choice, min_size=1, max_size=4), min_size=1, max_size=5)


def best(options, budgets):
    costs = [
        sum(c.cost for c in picked)
        for picked in itertools.product(*options)
        if all(sum(c.sizes[r] for c in picked) <= most for r, most in budgets.values())
    ]
    return min(costs) if costs else None


@settings(max_examples=150, deadline=None)
@given(layers, st.integers(0, 120), st.integers(0, 120), st.sampled_from([1, 2]))
def test_no_other_bits_cost_less(options, most, bops, count):
    named = {f"c{i}": of_layer for i, of_layer in enumerate(options)}
    budgets = dict(list({"weights": (0, most), "bops": (1, bops)}.items())[:count])
    least = best(options, budgets)
    if least is None:
        with pytest.raises(InfeasibleBudgetError):
            assign_bits(named, budgets)
        return
    found = assign_bits(named, budgets)
    assert found.cost == least
    assert all(found.sizes[name] <= limit for name, (_, limit) in budgets.items())


def test_what_is_reachable_is_said_if_the_budget_is_not():
    with pytest.raises(InfeasibleBudgetError, match="least reachable is 1.00 kB"):
        assign_bits({"a": [Choice(2, 0.0, (8192,))]}, {"weights": (0, 8191)})


def row(layer, bits, loss):
    return Sensitivity(layer, "Affine", 8, 8, bits, 8 * bits, loss, -loss / 2, 20.0, 10.0)


def test_limits_and_measures_are_those_of_the_rows():
    found = Sensitivities("lut", 4, 1.0, 0.5, (row("a", 2, 0.5), row("a", 4, 0.25)))
    assert [c.bits for c in choices_of(found, "loss", {"a": 3})["a"]] == [2]
    assert choices_of(found, "accuracy")["a"][0].cost == 0.25
    assert choices_of(found, "snr")["a"][0].cost == pytest.approx(0.1)
    with pytest.raises(InfeasibleBudgetError):
        choices_of(found, "loss", {"a": 1})


def test_the_rules_are_those_of_a_recipe():
    rules = Assignment({"a/conv": 3}, 0.0, {}).rules("*=lut:types=Affine,dictionary=pow2")
    assert rules == ["a/conv=lut:bits=3,dictionary=pow2"]
    assert CompressionPart.checked({"weights": rules}).weights[0].make().bits == 3
