# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run

ROOT = Path(__file__).parents[2]
RECIPE = """
name: small{}
model: {{name: mlp, options: {{hidden: [8]}}}}
data: {{source: digits, validation: 0.1}}
compression: {{weights: "{}", training: {{epochs: 0.2}}}}
export: {{nnb: false}}
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for seed in (1, 2):
        recipe = Recipe.parse(RECIPE.format("", "uniform:bits=3"), folder=folder).with_seed(seed)
        Run(recipe, folder / f"small-seed{seed}", folder).execute(
            lambda name, total: lambda done, total, values: None
        )
    (folder / "waiting").mkdir()
    (folder / "waiting" / "recipe.yaml").write_text(RECIPE.format("-seed0", "lut:bits=4"))
    return folder


def compare(*arguments, cwd):
    called = [sys.executable, str(ROOT / "tools" / "compare_runs.py"), *map(str, arguments)]
    return subprocess.run(called, capture_output=True, text=True, cwd=cwd)


def test_runs_of_one_recipe_are_a_row_with_mean_spread_and_distance(runs):
    result = compare("small-seed2", "small-seed1", "waiting", "--distances", cwd=runs)
    assert result.returncode == 0, result.stderr
    assert "waiting has no results.json: not finished, left out" in result.stderr
    (row,) = result.stdout.splitlines()[-1:]
    found = [
        json.loads((runs / f"small-seed{seed}" / "results.json").read_text()) for seed in (1, 2)
    ]
    first, second = (100 * each["compressed"]["accuracy"] for each in found)
    name, _, by_seed, mean, spread, distance, _ = (part.strip() for part in row.split("|")[1:-1])
    assert (name, by_seed) == ("small", f"1: {first:.2f}, 2: {second:.2f}")
    assert mean == f"{(first + second) / 2:.2f} %"
    assert spread == f"{abs(first - second):.2f}"
    assert 0.1 < float(distance) < 0.3  # a quarter, where nothing pulls


def test_folders_that_hold_no_run_and_one_seed_twice_are_refused(runs):
    for folders, words in (
        (["."], "is no run folder"),
        (["small-seed1", "small-seed1"], "small ran twice with a seed"),
    ):
        result = compare(*folders, cwd=runs)
        assert result.returncode == 1 and words in result.stderr
        assert "Traceback" not in result.stderr
