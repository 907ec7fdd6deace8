# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which samples are for what: nothing that is fitted to is judged on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from nnabla_compress.data import DataSet
from nnabla_compress.fitting.question import Question, question_of
from nnabla_compress.loading.inputs import load_data
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.recipes.recipe import Recipe
from tests.search.networks import three_layers


def saved(folder, **counts):
    """Data of so many samples a split, each of which says its number."""
    arrays = {}
    for split, count in counts.items():
        arrays[f"x_{split}"] = np.tile(np.arange(count, dtype=np.float32)[:, None], (1, 6))
        arrays[f"y_{split}"] = np.arange(count) % 3
    np.savez(folder / "mine.npz", **arrays)
    three_layers(folder)
    return question_of(folder / "net.nnp", DataOptions(str(folder / "mine.npz")))


def loaded(question: Question) -> DataSet:
    return load_data(Recipe.checked(dict(question.content)), Path("."), unlabelled=True)


def test_a_fifth_of_the_training_samples_is_held_out_and_test_samples_wait(tmp_path):
    question = saved(tmp_path, train=100, test=50)
    assert (question.fitted, question.judged, question.reported) == ("train", "validation", "test")
    assert question.training == 80 and question.samples == 80
    data = loaded(question)
    assert len(question.rows(data)) == 20
    assert not set(data.train.x[:, 0]) & set(data.validation.x[:, 0])


def test_validation_samples_of_the_data_are_judged_on(tmp_path):
    question = saved(tmp_path, train=100, validation=40)
    assert (question.judged, question.reported, question.training) == ("validation", None, 100)
    assert len(question.rows(loaded(question), 30)) == 30


def test_of_one_split_what_calibration_leaves_is_judged_on(tmp_path):
    question = saved(tmp_path, test=100)
    assert (question.fitted, question.judged, question.reported) == ("test", "test", None)
    assert question.samples == 25 and question.training == 0
    judged = question.rows(loaded(question))
    drawn = np.random.RandomState(0).permutation(100)[:25]
    assert sorted([*judged, *drawn]) == list(range(100))


def test_recipes_of_attempts_stand_anywhere(tmp_path, monkeypatch):
    three_layers(tmp_path)
    monkeypatch.chdir(tmp_path)
    question = question_of("net.nnp", DataOptions("data.npz"))
    recipe = question.recipe("x", [{"quantize": {"weights": ["lut:bits=4"]}}], "callback")
    assert recipe.model.nnp == str(tmp_path / "net.nnp")
    assert recipe.data.model_extra["path"] == str(tmp_path / "data.npz")
    assert recipe.evaluate is False and recipe.export.target == "callback"
    assert question.recipe("x", [], "portable", with_data=False).data is None


@pytest.mark.parametrize("most", [5, 15])
def test_no_more_rows_are_judged_on_than_are_asked_for(tmp_path, most):
    question = saved(tmp_path, test=100)
    assert len(question.rows(loaded(question), most)) == most
