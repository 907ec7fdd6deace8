# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bits go where they count, as rules that text can say."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import InfeasibleBudgetError
from nnabla_compress.fitting.measures.assigned import chosen_rules
from nnabla_compress.fitting.routes import Route
from nnabla_compress.rules import Candidate, QuantizerRule, parse_rule
from nnabla_compress.search.sensitivity import Sensitivities, Sensitivity


def measured():
    """Layer a$[0] of 10 weights bears few bits, layer b of 10 does not."""
    snr = {"a$[0]": {2: 40.0, 8: 60.0}, "b": {2: 0.0, 8: 50.0}}
    rows = [
        Sensitivity("weights", layer, "Affine", 10, 10, bits, 10 * bits, 0.0, 0.0, 1.0, ratio)
        for layer, ratios in snr.items()
        for bits, ratio in ratios.items()
    ]
    return Sensitivities({"weights": "lut"}, 4, 1.0, 0.5, {}, ".", tuple(rows))


def test_the_layer_that_suffers_keeps_its_bits():
    route = Route(None, "callback")
    bits, rules = chosen_rules(measured(), route, 100)
    assert bits == {"a$[0]": 2, "b": 8}
    assert rules == ["affine:bits=8", "a??0?=lut:bits=2", "b=affine:bits=8"]
    chosen = QuantizerRule.model_validate(rules[1]).choose([Candidate("a$[0]", "Affine", 10)])
    assert chosen == ["a$[0]"] and parse_rule(rules[2])["bits"] == 8
    with pytest.raises(InfeasibleBudgetError):
        chosen_rules(measured(), route, 39)


@pytest.mark.parametrize(
    "target, two, four, five",
    [
        ("callback", "lut", "lut", "affine"),
        ("portable", "lut", "affine", "affine"),
        ("binary-weight", "affine", "affine", "affine"),
    ],
)
def test_dictionaries_are_for_few_bits_where_a_target_reads_them(target, two, four, five):
    route = Route(None, target)
    assert [route.rule(bits).partition(":")[0] for bits in (2, 4, 5)] == [two, four, five]
    assert route.has_bits and not Route(None, "int8").has_bits
