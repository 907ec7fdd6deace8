# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes from the options of the verbs."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.quick import CompressionOptions, compression_recipe, network_recipe
from nnabla_compress.recipes.quick_data import DataOptions
from tests.recipes.quick import recipe_of

DIGITS = DataOptions("digits")


def test_a_network_and_its_data_are_a_recipe_without_a_compression():
    recipe, folder = network_recipe("a/net.nnp", DIGITS, export={"target": "int8"})
    assert (recipe.name, recipe.model.nnp, folder) == ("net", "a/net.nnp", Path("."))
    assert recipe.compression is None and recipe.data.source == "digits"
    assert recipe.export.target == "int8"
    assert network_recipe("net.nnp").recipe.data is None


def test_conversions_need_no_rules_and_come_behind_them():
    alone = compression_recipe("net.nnp", CompressionOptions(convert="affine")).recipe
    assert [stage.step.title for stage in alone.stages] == ["convert"]
    options = CompressionOptions(weights="lut:bits=4", convert="lut", fold="before")
    titles = [stage.step.title for stage in compression_recipe("net.nnp", options).recipe.stages]
    assert titles == ["fold", "quantize", "convert"]


def test_options_as_python_has_them_are_those_of_the_shell():
    of_python = CompressionOptions(
        weights="lut:bits=4", activations=["uniform:bits=8"], epochs=1, learning_rate=0.1,
        budget={"weights": "1kB"}, distill={"temperature": 2, "weight": 0.5},
    )  # fmt: skip
    of_shell = CompressionOptions(
        weights=("lut:bits=4",), activations=("uniform:bits=8",), epochs=1.0, learning_rate=0.1,
        budget=("weights=1kB",), distill="temperature=2,weight=0.5",
    )  # fmt: skip
    assert compression_recipe("net.nnp", of_python, DIGITS) == compression_recipe(
        "net.nnp", of_shell, DIGITS
    )
    taught = compression_recipe("net.nnp", CompressionOptions("lut", epochs=1, distill={}), DIGITS)
    assert taught.recipe.compression.distill.temperature == 4


def test_rules_of_a_file_come_before_those_that_are_given(tmp_path):
    (tmp_path / "rules.yaml").write_text("weights: [lut:bits=2]\nactivations: [uniform:bits=3]\n")
    options = CompressionOptions("fc=lut:bits=8", rules=tmp_path / "rules.yaml")
    part = compression_recipe("net.nnp", options, DIGITS).recipe.compression
    assert [rule.make().bits for rule in (*part.weights, *part.activations)] == [2, 8, 3]


@pytest.mark.parametrize(
    "options, words",
    [
        ({}, "nothing is to be compressed"),
        ({"weights": ["lut:bits=9"]}, "bits is 9"),
        ({"weights": ["lutq"]}, "unknown quantizer"),
        ({"activations": ["uniform:bits=8"]}, "--activations needs data: it takes the ranges"),
        ({"weights": ["lut"], "epochs": 1.0}, "--epochs needs data"),
        ({"weights": ["lut"], "batch_size": 4}, "--batch-size is for a training"),
        ({"weights": ["lut"], "scale": "2"}, "--scale, --mean and --std are for data"),
        ({"weights": ["lut"], "data": "net.onnx"}, "--data 'net.onnx' is no .npz file"),
        ({"weights": ["lut"], "data": "digit"}, "no source of data"),
        ({"weights": ["lut"], "data": "digits", "scale": "1/0"}, "--scale is '1/0'"),
        ({"weights": ["lut"], "data": "digits", "mean": "a,b"}, "--mean is 'a'"),
        ({"weights": ["uniform"], "budget": ["weights=1kB"]}, "a budget needs a training"),
        ({"weights": ["lut"], "distill": ""}, "distill is for a training"),
        (
            {"weights": ["lut"], "data": "digits", "epochs": 1, "distill": "temperature=0"},
            "temperature is 0",
        ),
        ({"weights": ["lut"], "data": "digits", "epochs": 1, "distill": "a=0"}, "unknown key 'a'"),
        ({"weights": ["uniform"], "budget": ["weights"]}, "has no value"),
        ({"weights": ["lut"], "data": "digits", "recipe_data": Path("r.yaml")}, "--recipe-data"),
    ],
)
def test_wrong_options_get_one_clear_message(options, words):
    with pytest.raises(ConfigError) as wrong:
        recipe_of(Path("net.nnp"), **options)
    assert words in wrong.value.message
    assert wrong.value.help
