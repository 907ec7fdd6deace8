# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Paths: variables, recipe folder, working folder, and what the message of a miss says."""

from __future__ import annotations

import pytest

from nnabla_compress.data.paths import existing_path, expand, resolve_path
from nnabla_compress.errors import ConfigError, DataError


def test_variables_are_expanded_in_both_spellings(monkeypatch, tmp_path):
    monkeypatch.setenv("SOME_DATA", str(tmp_path))
    assert expand("$SOME_DATA/a") == f"{tmp_path}/a"
    assert expand("${SOME_DATA}x") == f"{tmp_path}x"
    (tmp_path / "a").touch()
    assert resolve_path("$SOME_DATA/a") == tmp_path / "a"


def test_an_unset_variable_is_a_config_error_that_names_it(monkeypatch):
    monkeypatch.delenv("NNABLA_COMPRESS_DATA", raising=False)
    with pytest.raises(ConfigError, match="NNABLA_COMPRESS_DATA is not set"):
        resolve_path("$NNABLA_COMPRESS_DATA/cifar10")


def test_an_empty_path_is_refused():
    with pytest.raises(ConfigError, match="empty"):
        resolve_path(" ")


def test_the_recipe_folder_comes_before_the_working_folder(monkeypatch, tmp_path):
    recipe, work = tmp_path / "recipe", tmp_path / "work"
    for folder in (recipe, work):
        folder.mkdir()
    monkeypatch.chdir(work)
    (work / "set.npz").touch()
    assert resolve_path("set.npz", recipe) == work / "set.npz"
    (recipe / "set.npz").touch()
    assert resolve_path("set.npz", recipe) == recipe / "set.npz"
    assert resolve_path(recipe / "set.npz", work) == recipe / "set.npz"


def test_a_missing_file_says_where_it_was_looked_for(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError) as caught:
        resolve_path("gone.npz", tmp_path / "recipe", "the .npz file")
    assert str(tmp_path / "recipe" / "gone.npz") in str(caught.value)
    assert str(tmp_path / "gone.npz") in str(caught.value)
    assert "the .npz file 'gone.npz' does not exist" in str(caught.value)


def test_the_first_existing_name_is_found(tmp_path):
    (tmp_path / "b").touch()
    assert existing_path(tmp_path, "a", "b") == tmp_path / "b"
    assert existing_path(tmp_path, "a") is None
