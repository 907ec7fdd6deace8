# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A choice is built, keeps its budget in truth, and a recipe ends where it was said."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import nnabla as nn
import pytest
import yaml

from nnabla_compress.errors import DataError, InfeasibleBudgetError
from nnabla_compress.recipes import Recipe
from nnabla_compress.search import (
    Shares,
    carry_out,
    measure,
    measure_together,
    only_bits,
    recipe_of,
)
from tests.search.networks import three_layers


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    recipe, *_ = three_layers(tmp_path_factory.mktemp("carry_out"))
    shares = Shares(channels=[0.25, 0.5], ranks=[0.4, 0.8], method="svd")
    return measure(*recipe, [2, 4, 8], samples=40, activations="uniform", shares=shares)


def run(content, folder):
    from nnabla_compress.runs import Run

    text = yaml.safe_dump(content)
    Run(Recipe.parse(text), folder / "run", folder).execute(
        lambda name, total: lambda *arguments: None
    )
    return json.loads((folder / "run" / "results.json").read_text())


@pytest.mark.parametrize("budgets", [{"weights": (0, 800)}, {"macs": (3, 190), "bops": (1, 900)}])
def test_the_recipe_ends_at_the_sizes_and_the_loss_that_were_said(found, tmp_path, budgets):
    outcome = carry_out(found, budgets)
    assert outcome.chosen.smaller.steps()
    sizes = outcome.made.sizes
    assert all(sizes[name] <= most for name, (_, most) in budgets.items())
    assert not nn.get_parameters(grad_only=False)
    results = run(recipe_of(found, outcome.chosen, outcome.made, "made"), tmp_path)
    assert results["compressed"]["loss"] == pytest.approx(outcome.scores.loss, rel=1e-6)
    assert 8 * results["compressed"]["packed_weight_bytes"] == sizes["weights"]
    kept = [layer["name"] for layer in results["layers"]]
    assert {("weights", name) for name in kept} <= set(outcome.made.bits)


def test_a_budget_holds_for_the_network_that_was_built(tmp_path):
    """Codes fill whole bytes, so a tensor takes more than was foreseen of it."""
    recipe, *_ = three_layers(tmp_path)
    found = measure(*recipe, [2, 3], "uniform", samples=8, shares=Shares(channels=[0.3, 0.45]))
    lowered = 0
    for most in range(504, 700, 12):
        outcome = carry_out(found, {"weights": (0, most)}, score=False)
        sizes = outcome.made.sizes["weights"], outcome.chosen.sizes["weights"]
        assert sizes[0] <= most
        if outcome.corrected:
            lowered += 1
            assert outcome.corrected["weights"] < most and sizes[1] <= outcome.corrected["weights"]
    assert lowered


def test_bits_alone_are_those_of_the_knapsack_and_of_the_whole_search(found):
    alone = replace(
        found, rows=tuple(row for row in found.rows if row.share is None), how={}, kept={}
    )
    budgets = {"weights": (0, 4400), "activations": (2, 100)}
    first, second = only_bits(alone, budgets), carry_out(alone, budgets)
    assert first.made.bits == second.made.bits and first.chosen.exact
    assert first.scores == second.scores
    assert first.made.sizes == {n: second.made.sizes[n] for n in ("weights", "activations")}
    bits = {"weights": {}, "activations": {}}
    for (kind, name), width in first.chosen.bits.items():
        bits[kind][name] = width
    assert measure_together(alone, bits) == first.scores


def test_ratios_alone_leave_floats(found):
    alone = replace(
        found, rows=tuple(row for row in found.rows if row.kind == "channels"), quantizers={}
    )
    outcome = carry_out(alone, {"macs": (3, 150)})
    assert outcome.chosen.bits == {} and outcome.chosen.channels
    assert outcome.made.sizes["weights"] == 32 * outcome.made.sizes["macs"]  # all layers affine
    content = recipe_of(alone, outcome.chosen, outcome.made, "x", 2)
    assert [next(iter(step)) for step in content["steps"]] == ["remove_channels", "train"]


def test_paths_of_the_recipe_are_in_full(found):
    outcome = carry_out(found, {"macs": (3, 150)}, score=False)
    model, data = found.recipe["model"], found.recipe["data"]
    folder, nnp = os.path.split(model["nnp"])
    beside = {**found.recipe, "model": {**model, "nnp": nnp}, "data": {**data, "path": "data.npz"}}
    moved = replace(found, recipe=beside, folder=folder)
    content = recipe_of(moved, outcome.chosen, outcome.made, "x")
    assert content["model"]["nnp"] == model["nnp"]
    assert content["data"]["path"] == data["path"]


def test_what_can_not_be_is_said(found, tmp_path):
    with pytest.raises(InfeasibleBudgetError, match="weights of at most .* the least reachable is"):
        carry_out(found, {"weights": (0, 100)})
    import numpy as np

    path = found.recipe["data"]["path"]
    with np.load(path) as arrays:
        np.savez(tmp_path / "test.npz", x_test=arrays["x_test"], y_test=arrays["y_test"])
    data = {**found.recipe["data"], "path": str(tmp_path / "test.npz")}
    bare = replace(found, recipe={**found.recipe, "data": data})
    with pytest.raises(DataError, match="needs training samples"):
        carry_out(bare, {"macs": (3, 150)}, trained=True)
