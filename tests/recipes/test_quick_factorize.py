# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes from the options of the verb factorize."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import Recipe
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.recipes.quick_factorize import FactorizationOptions, factorization_recipe


def steps_of(data="digits", **options):
    recipe, _ = factorization_recipe("net.nnp", FactorizationOptions(**options), DataOptions(data))
    assert Recipe.parse(recipe.dump()) == recipe
    return recipe.steps


def test_parts_are_written_as_percent_or_as_fractions():
    for text in ("60%", "0.6", 0.6):
        assert steps_of(macs=text)[0].transform.macs == 0.6
    assert steps_of(macs="1200000")[0].transform.macs == 1_200_000
    assert steps_of(energy="90%")[0].transform.energy == 0.9


def test_the_last_pattern_that_matches_holds():
    transform = steps_of(ranks=["*=8", "conv2*=4,6", "*=9"])[0].transform
    assert list(transform.ranks.items()) == [("*", 9), ("conv2*", [4, 6])]
    assert steps_of(ranks="16")[0].transform.ranks == {"*": 16}


def test_all_options_reach_the_transform():
    transform = steps_of(
        method=["spatial", "tucker"], layers="conv*", evbmf=1.5, samples=16, responses=False
    )[0].transform
    assert transform.method == ["spatial", "tucker"]
    assert transform.layers == ["conv*"]
    assert transform.evbmf and transform.rank_factor == 1.5
    assert transform.samples == 16 and not transform.responses
    assert steps_of(bytes="70kB")[0].transform.bytes == "70kB"


def test_a_training_follows_with_what_it_minds():
    found = steps_of(macs=0.6, epochs=2, learning_rate=0.1, distill="temperature=2")
    assert [step.title for step in found] == ["factorize", "train"]
    assert found[1].settings.learning_rate == 0.1
    assert [term.name for term in found[1].terms] == ["distill"]


def test_layers_that_nnabla_quantizes_are_converted_behind_it():
    steps = FactorizationOptions(energy=0.9, convert="lut", epochs=1).steps()
    assert [next(iter(step)) for step in steps] == ["factorize", "convert", "train"]


def test_a_training_needs_epochs_and_data():
    with pytest.raises(ConfigError, match="--learning-rate is for a training"):
        steps_of(macs=0.6, learning_rate=0.1)
    with pytest.raises(ConfigError, match="--epochs needs data"):
        steps_of(None, macs=0.6, epochs=1)
