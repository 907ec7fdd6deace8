# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.embeddings.description import EmbeddingRecipe
from nnabla_compress.errors import ConfigError

CONFIGS = sorted((Path(__file__).parents[2] / "configs" / "graph").glob("*-pinsage.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_recipes_that_come_with_the_project_can_be_read(path):
    recipe = EmbeddingRecipe.read(path)
    assert recipe.name == path.stem and len(recipe.quantizers) == len(recipe.tables) > 5
    assert f"embed configs/graph/{path.name}" in path.read_text("utf-8")


def test_what_is_left_out_is_the_default_and_tables_are_quantizers():
    recipe = EmbeddingRecipe.checked(
        {"name": "a", "graph": {"path": "g.npz"}, "tables": ["pq:bits=4,length=2"]}
    )
    assert recipe.quantizers == {"pq:bits=4,length=2": Q.PQ(4, 2)}
    assert (recipe.pooling, recipe.training.hard, recipe.table_training) == ("importance", 6, None)


def test_files_that_are_no_recipe_are_refused(tmp_path):
    for content, said in (("[1]", "no keys and values"), ("a: [", "no valid YAML")):
        (tmp_path / "r.yaml").write_text(content)
        with pytest.raises(ConfigError, match=said):
            EmbeddingRecipe.read(tmp_path / "r.yaml")
    with pytest.raises(ConfigError, match="is a folder"):
        EmbeddingRecipe.read(tmp_path)
    with pytest.raises(ConfigError, match="can't read"):
        EmbeddingRecipe.read(tmp_path / "none.yaml")
