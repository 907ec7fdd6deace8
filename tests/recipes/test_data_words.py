# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from nnabla_compress.recipes.data_parts import DataPart
from nnabla_compress.recipes.data_words import data_words
from nnabla_compress.recipes.quick_data import data_part


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "words",
    [
        "a.csv",
        "a.csv,b.csv",
        "a.csv,b.csv,c.csv",
        "a b.npz",
        "a.npz,y=mask,y_scale=0.5",
        "digits",
        "cifar10:images",
        "my.py:samples,limit=5,batched=true",
    ],
)
def test_words_are_those_that_the_part_was_made_of(words, training):
    part = DataPart(**data_part(words, training))
    assert data_words(part, Path(".")) == words


def test_paths_start_where_the_recipe_lies(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    part = DataPart(source="npz", path="a.npz")
    assert data_words(part, tmp_path / "b") == "b/a.npz"
    assert data_words(part, tmp_path.parent / "c") == str(tmp_path.parent / "c" / "a.npz")


@pytest.mark.parametrize(
    "more",
    [
        {"source": "csv", "validation_file": "v.csv"},
        {"source": "npz", "path": "a,b.npz"},
        {"source": "npz", "path": "a.npz", "x": {"Image": "photo"}},
    ],
)
def test_data_without_such_words_have_none(more):
    assert data_words(DataPart(**more), Path(".")) == ""
