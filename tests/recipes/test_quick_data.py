# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the words behind ``--data`` stand for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.quick_data import DataOptions, data_part, preprocessing_part


@pytest.mark.parametrize(
    "text, expected",
    [
        ("a.npz,y=mask,n_classes=3",
         {"source": "npz", "path": "a.npz", "y": "mask", "n_classes": 3}),
        ("a.csv,b.csv,y=t", {"source": "csv", "train": "a.csv", "test": "b.csv", "y": "t"}),
        ("csv:a.csv", {"source": "csv", "test": "a.csv"}),
        ("my/data.py:get", {"source": "python", "path": "my/data.py", "function": "get",
                            "split": "test"}),
        ("my.data:get,limit=5,split=train,batched=true",
         {"source": "python", "path": "my.data", "function": "get", "split": "train", "limit": 5,
          "batched": True}),
        ("python:data.py:get", {"source": "python", "path": "data.py", "function": "get",
                                "split": "test"}),
        ("mnist:a.npz,y=x", {"source": "mnist", "path": "a.npz", "y": "x"}),
        ("npz:odd=name.npz", {"source": "npz", "path": "odd=name.npz"}),
    ],
)  # fmt: skip
def test_sources_and_their_options(text, expected):
    assert data_part(text, training=False) == {**expected, "validation": 0}


def test_a_fraction_scales_targets_and_samples():
    part = data_part("a.npz,y_scale=1/255", training=False)
    assert part["y_scale"] == 1 / 255
    assert preprocessing_part("1/255", "0.5", "1,2") == {
        "scale": 1 / 255, "mean": 0.5, "std": [1, 2],
    }  # fmt: skip


def test_a_function_is_learned_from_where_there_is_a_training():
    part = data_part("a.py:f", training=True)
    assert part["split"] == "train" and part["validation"] == 0.1
    assert data_part("a.py:f,validation=0.5", training=True)["validation"] == 0.5


@pytest.mark.parametrize(
    "text",
    ["a.npz,b.npz", "a.csv,b.npz", "a.onnx", "python", "python:a.py", "a.py",
     "a.py:b:c", "digit", ""],
)  # fmt: skip
def test_what_is_no_data_is_refused_with_what_there_is(text):
    with pytest.raises(ConfigError, match="is no .npz file") as wrong:
        data_part(text, training=False)
    assert "FILE.py:NAME" in wrong.value.help
    with pytest.raises(ConfigError, match="y_scale is '1/0'"):
        data_part("a.npz,y_scale=1/0", training=False)


def test_one_csv_file_is_learned_from_or_scored_on():
    assert data_part("a.csv", training=True)["train"] == "a.csv"
    assert data_part("a.csv", training=False)["test"] == "a.csv"
    three = data_part("csv:a.csv,v.csv,b.csv", training=True)
    assert (three["validation_file"], three["validation"]) == ("v.csv", 0)
    assert data_part("digits", training=True) == {"source": "digits", "validation": 0.1}
    assert data_part("npz:a.npz", training=True, validation=0.2)["validation"] == 0.2


def test_numbers_of_python_stand_for_themselves():
    part = preprocessing_part(scale=0.5, mean=np.array([1, 2]), std=(3, 4))
    assert part == {"scale": 0.5, "mean": [1.0, 2.0], "std": [3.0, 4.0]}
    with pytest.raises(ConfigError, match="--mean is None"):
        preprocessing_part(mean=[None])


RECIPE = """
name: other
model: {name: mlp}
data: {source: digits, validation: 0.2}
preprocessing: {scale: 0.5}
augmentation: {name: pad_crop_flip}
loss: SquaredError
float_training: {epochs: 1}
"""


def test_a_recipe_brings_its_data_and_its_augmentation_only_where_something_may_be_trained(
    tmp_path,
):
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    options = DataOptions(recipe_data=tmp_path / "recipe.yaml", seed=3)
    content, folder = options.parts("net.nnp")
    assert folder == tmp_path and Path(content["model"]["nnp"]).is_absolute()
    assert content["data"]["validation"] == 0.2 and content["preprocessing"]["scale"] == 0.5
    assert content["loss"]["name"] == "SquaredError" and content["seed"] == 3
    assert "augmentation" not in content
    assert options.parts("net.nnp", compressing=True)[0]["augmentation"]["name"] == "pad_crop_flip"
    with pytest.raises(ConfigError, match="brings data, validation and preprocessing"):
        replace(options, validation=0.1).parts("net.nnp", compressing=True)
    with pytest.raises(ConfigError, match="brings data and preprocessing"):
        replace(options, scale=2).parts("net.nnp")


def test_samples_are_held_out_only_where_the_best_epoch_is_chosen_by_them():
    options = DataOptions("digits")
    assert options.parts("net.nnp", training=True)[0]["data"]["validation"] == 0
    learned = options.parts("net.nnp", training=True, compressing=True)[0]
    assert learned["data"]["validation"] == 0.1
    assert replace(options, validation=0.5).parts("n.nnp")[0]["data"]["validation"] == 0.5


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a.csv,b.csv,c.csv,d.csv", "names 4 .csv files"),
        ("of a, b.csv", "holds a comma"),
        ("folder", "is a folder"),
    ],
)
def test_what_looks_like_data_is_told_what_it_lacks(text, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "of a, b.csv").touch()
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigError, match=said):
        data_part(text, training=False)


def test_blanks_behind_commas_are_no_part_of_names():
    assert data_part("a.csv, b.csv", False)["test"] == "b.csv"
