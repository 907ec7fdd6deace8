# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""From sensitivities to choices, and from bits to rules that mean one tensor each."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.recipes import CompressionPart
from nnabla_compress.rules import Candidate, choose_rules
from nnabla_compress.search import Sensitivities, Sensitivity, budgets_of, choices_of, recipe_rules


def row(layer, bits, loss, kind="weights"):
    return Sensitivity(kind, layer, "Affine", 8, 8, bits, 8 * bits, loss, -loss / 2, 20.0, 10.0)


def found(*rows):
    return Sensitivities({"weights": "lut"}, 4, 1.0, 0.5, {}, ".", rows)


A = ("weights", "a")


def test_limits_and_measures_are_those_of_the_rows():
    rows = found(row("a", 2, 0.5), row("a", 4, 0.25))
    assert [c.bits for c in choices_of(rows, "loss", {"a": 3})[A]] == [2]
    assert choices_of(rows, "accuracy")[A][0].cost == 0.25
    assert choices_of(rows, "snr")[A][0].cost == pytest.approx(0.1)
    with pytest.raises(InfeasibleBudgetError, match="fewest bits measured are 2"):
        choices_of(rows, "loss", {"a": 1})
    with pytest.raises(ConfigError, match="no layer 'aa'"):
        choices_of(rows, "loss", {"aa": 1})


def test_weights_take_weights_and_operations_and_activations_take_activations():
    rows = found(row("a", 2, 0.5), row("a/relu", 4, 0.25, "activations"))
    choices = choices_of(rows, "loss")
    assert choices[A][0].sizes == (16, 16, 0)
    assert choices["activations", "a/relu"][0].sizes == (0, 0, 32)


def test_no_activation_exceeds_the_largest_one_allowed():
    rows = found(row("a/relu", 2, 0.5, "activations"), row("a/relu", 4, 0.25, "activations"))
    (options,) = choices_of(rows, largest_activation=20).values()
    assert [option.bits for option in options] == [2]
    with pytest.raises(InfeasibleBudgetError, match="a/relu"):
        choices_of(rows, largest_activation=15)


def test_an_accuracy_that_was_not_measured_is_refused():
    without = Sensitivity("weights", "a", "Affine", 8, 8, 2, 16, 0.5, None, None, None)
    with pytest.raises(ConfigError, match="no accuracy"):
        choices_of(found(without), "accuracy")
    assert choices_of(found(without), "snr")[A][0].cost == 0.0


def test_budgets_are_sizes_in_bits_and_operations():
    assert budgets_of({"weights": "1kB", "bops": 7, "activations": None}) == {
        "weights": (0, 8192),
        "bops": (1, 7),
    }
    with pytest.raises(ConfigError, match="--activations"):
        budgets_of({"activations": "many"})


def test_the_rules_are_those_of_a_recipe():
    quantizers = {"weights": "*=lut:types=Affine,dictionary=pow2", "activations": "uniform"}
    rules = recipe_rules(quantizers, {("weights", "a/conv"): 3, ("activations", "a/conv/relu"): 8})
    assert rules == {
        "weights": ["a/conv=lut:bits=3,dictionary=pow2"],
        "activations": ["a/conv/relu=uniform:bits=8"],
    }
    part = CompressionPart.checked(rules)
    assert part.weights[0].make().bits == 3 and part.activations[0].make().bits == 8


_NAMES = st.text("ab/[]*?+=:,! -.", min_size=1, max_size=6)


@given(st.lists(_NAMES, min_size=1, max_size=5, unique=True))
def test_each_rule_means_one_tensor_whatever_its_name_holds(names):
    bits = {("weights", name): number + 1 for number, name in enumerate(names)}
    part = CompressionPart.checked(recipe_rules({"weights": "lut"}, bits))
    for rule, name in zip(part.weights, names):
        assert rule.choose([Candidate(other) for other in names]) == [name]
    chosen = choose_rules(part.weights, names)
    assert {("weights", name): rule.make().bits for name, rule in chosen.items()} == bits
