# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes from the options of the verb prune."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import Recipe
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.recipes.quick_prune import PruningOptions, pruning_recipe

DIGITS = DataOptions("digits")


def titles(**options):
    recipe, _ = pruning_recipe("net.nnp", PruningOptions(**options), DIGITS)
    assert Recipe.parse(recipe.dump()) == recipe
    return [step.title for step in recipe.steps], recipe.steps


def test_each_amount_says_which_step_it_is_of():
    for options, title in (
        ({"filters": "50%"}, "prune_channels"),
        ({"macs": "0.5"}, "prune_channels"),
        ({"parameters": 0.5}, "prune_channels"),
        ({"bytes": "70kB"}, "prune_channels"),
        ({"sparsity": "0.8"}, "prune_weights"),
        ({"nm": "2:4"}, "prune_weights"),
    ):
        found, steps = titles(**options)
        assert found == [title]
        assert steps[0].transform.importance.name == "l1"


def test_parts_are_written_as_percent_or_as_fractions_for_all_or_by_name():
    of = lambda *texts: titles(filters=texts)[1][0].transform.filters  # noqa: E731
    assert of("50%") == of("0.5") == of("*=50%") == 0.5
    assert of("50%", "conv1*=0.25") == {"*": 0.5, "conv1*": 0.25}


def test_an_importance_has_options_behind_a_colon():
    _, steps = titles(macs="60%", importance="taylor:samples=64", across="network", layers=["a*"])
    transform = steps[0].transform
    assert (transform.importance.name, transform.importance.samples) == ("taylor", 64)
    assert (transform.macs, transform.across, transform.layers) == (0.6, "network", ["a*"])


def test_layers_behind_are_refitted_where_that_is_asked_for():
    assert titles(macs="50%", reconstruct=64)[1][0].transform.reconstruct == 64
    assert titles(macs="50%")[1][0].transform.reconstruct == 0


def test_statistics_and_a_training_come_behind():
    found, steps = titles(filters="50%", statistics=500, epochs=2.0, distill="temperature=2")
    assert found == ["prune_channels", "statistics", "train"]
    assert steps[1].samples == 500 and steps[2].settings.epochs == 2
    assert [term.name for term in steps[2].terms] == ["distill"]


def test_rounds_divide_the_budget_and_the_epochs():
    found, steps = titles(macs="0.49", rounds=2, epochs=3.0)
    assert found == ["prune_channels", "train"] * 2
    assert steps[0].transform.macs == steps[2].transform.macs == pytest.approx(0.7)
    assert steps[1].settings.epochs == 1.5


def test_what_is_left_of_nnablas_own_quantizers_is_converted_once_before_the_training():
    options = PruningOptions(
        macs="25%", convert="affine", statistics=16, rounds=2, epochs=1, learning_rate=0.1
    )
    names = [next(iter(step)) for step in options.steps()]
    each = ["prune_channels", "statistics", "train"]
    assert names == [each[0], "convert", *each[1:], *each]


def test_single_weights_go_little_by_little():
    found, steps = titles(sparsity="80%", gradual="every=20,end_at=0.5", epochs=2.0)
    assert found == ["prune_weights", "train"]
    (term,) = steps[1].terms
    assert (term.name, term.every, term.end_at) == ("gradual", 20, 0.5)


@pytest.mark.parametrize(
    "options, message",
    [
        ({}, "nothing is to be pruned"),
        ({"filters": "50%", "macs": "0.5"}, "--filters and --macs both say"),
        ({"filters": "half"}, "--filters is 'half', not a part"),
        ({"filters": "150%"}, "filters is 1.5, it is the fraction that goes"),
        ({"macs": "1"}, "macs is 1, it is the part that may be left"),
        ({"macs": "50%", "importance": "tailor"}, "unknown importance 'tailor'"),
        ({"macs": "50%", "importance": "taylor:samples"}, "'samples' has no value"),
        ({"macs": "50%", "regrow": True}, "--regrow is for single weights, not for channels"),
        ({"sparsity": "50%", "residual": True}, "--residual is for channels, not for single"),
        ({"sparsity": "50%", "reconstruct": 9}, "--reconstruct is for channels, not for single"),
        ({"sparsity": "50%", "rounds": 2}, "--rounds is for channels"),
        ({"macs": "50%", "gradual": ""}, "--gradual is for single weights"),
        ({"filters": "50%", "rounds": 2, "epochs": 1.0}, "--rounds divides --macs or"),
        ({"macs": "50%", "rounds": 2}, "--rounds needs a training"),
        ({"sparsity": "50%", "gradual": ""}, "--gradual prunes in a training"),
        ({"macs": "50%", "distill": ""}, "--distill is for a training"),
        ({"macs": "50%", "batch_size": 4}, "--batch-size is for a training"),
    ],
)
def test_options_that_miss_or_contradict_something_are_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        pruning_recipe("net.nnp", PruningOptions(**options), DIGITS)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"importance": "apoz"}, "--importance needs data: importance apoz looks at what samples"),
        ({"statistics": 10}, "--statistics needs data"),
        ({"reconstruct": 10}, "--reconstruct needs data: layers are refitted on samples"),
        ({"epochs": 1.0}, "--epochs needs data"),
    ],
)
def test_what_looks_at_data_is_refused_without(options, message):
    with pytest.raises(ConfigError, match=message) as error:
        pruning_recipe("net.nnp", PruningOptions(macs="50%", **options))
    assert "--data" in error.value.help
