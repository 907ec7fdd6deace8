# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rules in a file of their own, in recipes."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes import Recipe
from nnabla_compress.rule_files import read_rules

RECIPE = """
name: a
model: {nnp: net.nnp}
compression: {rules: found/rules.yaml, weights: "fc=lut:bits=8"}
"""


def test_a_recipe_takes_a_file_of_rules_and_its_own_ones_after_them(tmp_path):
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "rules.yaml").write_text("# weights 4 kB\nweights:\n- fc=lut:bits=2\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    part = Recipe.read(tmp_path / "recipe.yaml").compression
    assert [rule.make().bits for rule in part.weights] == [2, 8]
    assert Recipe.parse(Recipe.read(tmp_path / "recipe.yaml").dump()).compression == part


@pytest.mark.parametrize(
    "text, message",
    [
        ("", "holds no rules"),
        ("- a", "holds no rules"),
        ("wieghts: [lut:bits=2]", "unknown key 'wieghts'"),
        ("weights: [", "can't read the rules"),
    ],
)
def test_other_files_are_refused(tmp_path, text, message):
    (tmp_path / "rules.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_rules(tmp_path / "rules.yaml")
    with pytest.raises(ConfigError, match="no such file"):
        read_rules(tmp_path / "nothing.yaml")
