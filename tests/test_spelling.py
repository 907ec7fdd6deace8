# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which name a misspelt one was meant to be."""

from __future__ import annotations

import pytest

import nnabla_compress.training as training
from nnabla_compress.errors import ConfigError
from nnabla_compress.spelling import did_you_mean, nearest_name

SOLVERS = ["AdaBelief", "AdaBound", "Adam", "AdamW", "Adamax", "Momentum", "Nesterov", "Sgd"]


@pytest.mark.parametrize(
    "name, meant",
    [
        *(("Adma", "Adam"), ("adamw", "AdamW"), ("SGD", "Sgd"), ("Momentun", "Momentum")),
        *(("Adagrat", None), ("Lion", None), ("", None)),
    ],
)
def test_the_fewest_slips_decide(name, meant):
    assert nearest_name(name, SOLVERS) == meant


def test_all_known_names_are_listed():
    assert did_you_mean("xyz", ["lut", "uniform"]) == "known are: lut, uniform"
    assert did_you_mean("x", []) == "known are: none"


def test_a_misspelt_solver_is_answered_with_the_right_one():
    with pytest.raises(ConfigError) as refused:
        training.TrainingSettings(epochs=1, solver="Adma")
    assert "did you mean 'Adam'?" in refused.value.help
