# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whole runs of a small network with exits, scored at each of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nnabla_compress.anytime import anytime_of_network, anytime_of_run
from nnabla_compress.cli import main
from nnabla_compress.errors import ConfigError, DataError, InfeasibleBudgetError
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run, evaluate_run
from nnabla_compress.runs.nnb_network import evaluate_nnb

RECIPE = {
    "name": "exits",
    "seed": 1,
    "model": {"name": "mlp", "options": {"hidden": [16, 16]}},
    "data": {"source": "digits", "validation": 0.3},
    "steps": [
        {"add_exits": {"at": ["fc1/affine/relu"]}},
        {"train": {"epochs": 4, "learning_rate": 0.05, "solver": "Adam"}},
    ],
}


def run(folder, **changes):
    recipe = Recipe.checked({**RECIPE, **changes})
    Run(recipe, folder, folder.parent).execute(lambda name, total: lambda *now: None)
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return run(tmp_path_factory.mktemp("anytime") / "run")


def test_exits_are_scored_as_evaluate_does_and_cost_what_is_before_them(finished):
    found = anytime_of_run(finished)
    assert [each.accuracy for each in found.exits] == list(evaluate_run(finished).exit_accuracies)
    hidden, last = 64 * 16 + 16 + 16, 16 * 10 + 10
    assert [each.operations for each in found.exits] == [
        hidden + last,
        hidden + last + 16 * 16 + 16 + 16 + last,
    ]
    assert found.budgeted and found.chosen is None


def test_the_exported_file_knows_its_exits(finished, tmp_path):
    recipe = Recipe.checked(RECIPE)
    found = anytime_of_network(finished / "results.nnp", recipe, finished.parent, budget="90%")
    assert found.exits == anytime_of_run(finished).exits
    assert found.chosen.validation_operations <= found.budget


def test_the_nnb_has_the_accuracy_of_each_exit(finished):
    score = evaluate_nnb(finished / "results.nnb", Recipe.checked(RECIPE), finished.parent)
    assert list(score.exit_accuracies) == pytest.approx(
        list(evaluate_run(finished).exit_accuracies), abs=0.003
    )
    assert score.accuracy == score.exit_accuracies[-1]


def test_budgets_that_can_not_be_are_refused(finished):
    with pytest.raises(InfeasibleBudgetError, match="the first exit takes"):
        anytime_of_run(finished, budget=100)
    for wrong in ("many", "-5", "0"):
        with pytest.raises(ConfigError, match="no number of operations"):
            anytime_of_run(finished, budget=wrong)
    with pytest.raises(ConfigError, match="found on the validation samples"):
        anytime_of_run(finished, split="validation")


def test_without_validation_samples_there_is_no_budget(tmp_path):
    folder = run(tmp_path / "run", data={"source": "digits"})
    found = anytime_of_run(folder)
    assert found.exits and not found.budgeted
    with pytest.raises(DataError, match="no validation samples"):
        anytime_of_run(folder, budget="50%")


def test_a_network_of_one_output_has_no_exits(tmp_path):
    folder = run(tmp_path / "run", steps=RECIPE["steps"][1:])
    with pytest.raises(ConfigError, match="has no exits"):
        anytime_of_run(folder)


def shell(capsys, *words):
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    printed = capsys.readouterr()
    return left.value.code, printed.out, printed.err


def test_the_verb_prints_tables_json_and_a_picture(finished, tmp_path, capsys):
    code, said, _ = shell(capsys, "evaluate", finished, "--budget", "80%")
    assert code == 0 and "within" in said and "exit2" in said
    picture = tmp_path / "curve.png"
    words = ["evaluate", finished, "--budget", "80%", "--plot", picture, "--json"]
    found = json.loads(shell(capsys, *words)[1])
    assert picture.stat().st_size > 5000
    assert len(found["exits"]) == 2 and len(found["budgeted"]) == 39
    assert len(found["budget"]["thresholds"]) == 1
    assert np.isclose(sum(found["budget"]["shares"]), 1)


def test_the_verb_refuses_in_a_line(finished, capsys):
    code, _, said = shell(capsys, "evaluate", finished, "--budget", "10")
    assert code == 1 and "the first exit takes" in said
    code, _, said = shell(capsys, "evaluate", finished, "--plot", "x.png")
    assert code == 1 and "add --anytime" in said
