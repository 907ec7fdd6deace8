# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import weakref
from pathlib import Path

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.quantizers import quantizer_of
from nnabla_compress.recipes import Recipe
from nnabla_compress.regularizers.sinreq import chosen_weights
from nnabla_compress.runs import Run, evaluate_run
from nnabla_compress.runs.course import Course
from nnabla_compress.runs.finished import trained_network

DIGITS = Path(__file__).parents[2] / "configs" / "digits"
SMALL = {
    "lenet-dq": [("epochs: 30", "epochs: 4"), ("epochs: 15", "epochs: 3")],
    "lenet-dorefa-3bit": [("epochs: 30", "epochs: 4"), ("epochs: 15", "epochs: 3")],
    "lenet-wrpn-2bit-wide": [("epochs: 30", "epochs: 4"), ("epochs: 15", "epochs: 3")],
    "lenet-lutq-2bit": [("epochs: 30", "epochs: 2"), ("epochs: 15", "epochs: 1")],
    "lenet-factorized": [("epochs: 30", "epochs: 4"), ("epochs: 10", "epochs: 2")],
    "lenet-sinreq-3bit": [("epochs: 30", "epochs: 4"), ("epochs: 15", "epochs: 4")],
    "lenet-waveq-4kB": [("epochs: 30", "epochs: 4"), ("epochs: 15", "epochs: 6")],
}


def recipe(name: str, *changes: tuple) -> Recipe:
    text = (DIGITS / f"{name}.yaml").read_text("utf-8")
    for old, new in (*SMALL[name], *changes):
        assert old in text
        text = text.replace(old, new)
    return Recipe.parse(text)


def quiet(name: str, total: int):
    return lambda done, total, values: None


def test_a_dq_run_ends_within_its_budget_and_shows_what_it_learned(tmp_path):
    told: list = []
    run = Run(recipe("lenet-dq"), tmp_path / "run", DIGITS)
    results = run.execute(quiet, told.append)
    assert [line.split(":")[0] for line in told] == ["weights", "activations_max"]
    assert "reachable" in told[0]
    rows = results.quantizers
    weights = sum(row["bytes"] for row in rows if row["kind"] != "activation")
    maps = [row["bytes"] for row in rows if row["kind"] == "activation"]
    assert weights <= 4 * 1024
    assert max(maps) <= 128
    assert results.training["bits_moved"] is True
    by_layer = {row["name"]: row["bits"] for row in rows if row["kind"] == "weight"}
    assert by_layer == {row["name"]: row["bits"] for row in results.layers}
    assert results.compressed.accuracy > 0.8
    assert (tmp_path / "run" / "bits.png").read_bytes().startswith(b"\x89PNG")
    for series in ("Bits", "Size-kB", "Penalty", "Largest-activation-size-kB"):
        lines = (tmp_path / "run" / "compressed" / f"{series}.series.txt").read_text().split("\n")
        assert len(lines) == 15 + 1, series  # of 41 updates an epoch, each tenth and the last
    assert evaluate_run(tmp_path / "run").accuracy == results.compressed.accuracy


@pytest.mark.long
def test_a_dorefa_run_leaves_first_and_last_layer_float_and_learns(tmp_path):
    results = Run(recipe("lenet-dorefa-3bit"), tmp_path / "run", DIGITS).execute(quiet)
    assert [row["bits"] for row in results.layers] == [32, 3, 3, 32]
    assert {row["quantizer"] for row in results.quantizers} == {"DoReFa"}
    assert results.compressed.accuracy > 0.9
    assert evaluate_run(tmp_path / "run").accuracy == results.compressed.accuracy


@pytest.mark.long
def test_a_wrpn_run_makes_the_network_wide_and_compares_it_with_the_narrow_one(tmp_path):
    results = Run(recipe("lenet-wrpn-2bit-wide"), tmp_path / "run", DIGITS).execute(quiet)
    assert [row["shape"] for row in results.layers] == [
        [32, 1, 5, 5],
        [32, 32, 5, 5],
        [128, 100],
        [100, 10],
    ]
    assert [row["bits"] for row in results.layers] == [32, 2, 2, 32]
    assert results.float.accuracy > 0.9
    assert results.compressed.accuracy > 0.8
    assert evaluate_run(tmp_path / "run").accuracy == results.compressed.accuracy


@pytest.mark.long
def test_a_sinreq_run_puts_weights_on_levels_and_draws_them(tmp_path):
    results = Run(recipe("lenet-sinreq-3bit"), tmp_path / "run", DIGITS).execute(quiet)
    assert {row["bits"] for row in results.quantizers} == {3}
    assert max(results.training["sinreq"].values()) < 0.15  # a quarter, where nothing pulls
    assert results.compressed.accuracy > 0.9
    assert (tmp_path / "run" / "weights.png").read_bytes().startswith(b"\x89PNG")


def test_distances_from_levels_are_those_of_the_best_epoch(tmp_path):
    described = {
        "name": "pulled",
        "seed": 3,
        "model": {"name": "mlp", "options": {"hidden": [12]}},
        "data": {"source": "digits", "validation": 0.1},
        "compression": {
            "weights": "uniform:bits=3,learn=null",
            "sinreq": {"strength": 0.3, "schedule": "linear", "within": 0.5},
            "training": {"epochs": 6, "batch_size": 32, "learning_rate": 1.0},
        },
        "export": {"nnb": False},
    }
    run = Run(Recipe.checked(described), tmp_path / "run", tmp_path)
    training = run.execute(quiet).training
    assert training["best_epoch"] < 5.5
    with trained_network(run) as (inputs, build):
        found = chosen_weights([build(inputs.variables(), True)])
        assert {each.name: each.distance_now() for each in found} == training["sinreq"]


def mean_error(run):
    """Mean |w - Q(w)| of all quantized weights of a finished run."""
    with trained_network(run) as (inputs, build):
        nodes = [layer.quantizer for layer in layers([build(inputs.variables(), True)])]
        errors = [
            np.abs(node.inputs[0].d - quantizer_of(node).encode(node).decode()).ravel()
            for node in nodes
        ]
    return float(np.concatenate(errors).mean())


@pytest.mark.slow
def test_sinreq_brings_weights_five_times_as_near_to_their_levels_at_equal_accuracy(tmp_path):
    accuracies, errors = [], []
    for name in ("lenet-uniform-3bit", "lenet-sinreq-3bit"):
        run = Run(Recipe.read(DIGITS / f"{name}.yaml"), tmp_path / name, DIGITS)
        accuracies.append(run.execute(quiet).compressed.accuracy)
        errors.append(mean_error(run))
    assert errors[0] >= 5 * errors[1]
    assert abs(accuracies[0] - accuracies[1]) <= 0.003  # a sample is 0.0028


@pytest.mark.long
def test_a_waveq_run_learns_bits_within_its_budget_and_draws_them(tmp_path):
    told: list = []
    results = Run(recipe("lenet-waveq-4kB"), tmp_path / "run", DIGITS).execute(quiet, told.append)
    assert told[0].startswith("weights: budget 4.00 kB")
    rows = results.quantizers
    assert sum(row["bytes"] for row in rows) <= 4 * 1024
    layers = results.training["waveq"]["layers"]
    found = {row["name"]: row["bits"] for row in rows if row["kind"] == "weight"}
    assert found == {name: layer["bits"] for name, layer in layers.items()}
    assert found == {row["name"]: row["bits"] for row in results.layers}
    assert results.compressed.accuracy > 0.8
    for name in ("weights", "beta", "bits"):
        assert (tmp_path / "run" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert evaluate_run(tmp_path / "run").accuracy == results.compressed.accuracy


def test_budgets_of_two_terms_are_both_judged(tmp_path):
    described = {
        "name": "both",
        "model": {"name": "mlp", "options": {"hidden": [12]}},
        "data": {"source": "digits", "validation": 0.1},
        "compression": {
            "weights": "uniform:bits=8",
            "activations": "uniform:bits=8",
            "waveq": {"weights": "400 B", "least": 2},
            "budget": {"activations": "5 B"},
            "training": {"epochs": 0.3},
        },
        "export": {"nnb": False},
    }
    results = Run(Recipe.checked(described), tmp_path / "run", tmp_path).execute(quiet)
    budgets = results.compressed.budgets
    assert {name: part["bytes"] for name, part in budgets.items()} == {
        "weights": 400,
        "activations": 5,
    }
    assert all(part["used_bytes"] > 0 for part in budgets.values())


@pytest.mark.long
def test_a_factorizing_run_ends_with_a_third_of_the_operations_and_learns(tmp_path):
    results = Run(recipe("lenet-factorized"), tmp_path / "run", DIGITS).execute(quiet)
    before, after = results.recipe_steps[1]["macs"]
    assert before == 131_700
    assert 0.3 * before < after <= 0.33 * before
    assert {row["bits"] for row in results.layers} == {4}
    assert results.compressed.accuracy > 0.9
    assert results.compressed.float_weight_bytes < results.float.float_weight_bytes / 2
    assert evaluate_run(tmp_path / "run").accuracy == results.compressed.accuracy


def test_what_is_rehearsed_is_gone_before_the_steps_are_carried_out(tmp_path, monkeypatch):
    courses: list = []
    foresee, go = Course.foresee, Course.go
    alive: list = []

    def noted(self, stages):
        courses.append(weakref.ref(self))
        return foresee(self, stages)

    def looked(self, stage):
        alive.append([course() for course in courses if course() is not None])
        return go(self, stage)

    monkeypatch.setattr(Course, "foresee", noted)
    monkeypatch.setattr(Course, "go", looked)
    Run(recipe("lenet-lutq-2bit"), tmp_path / "run", DIGITS).execute(quiet)
    assert len(courses) == 1 and alive and not any(alive)


def test_a_run_leaves_the_parameters_of_its_caller_alone(tmp_path):
    nn.parameter.get_parameter_or_create("conv1/conv/W", (2, 2), np.ones((2, 2), np.float32))
    Run(recipe("lenet-lutq-2bit"), tmp_path / "run", DIGITS).execute(quiet)
    parameters = nn.get_parameters(grad_only=False)
    assert list(parameters) == ["conv1/conv/W"]
    np.testing.assert_array_equal(parameters["conv1/conv/W"].d, np.ones((2, 2)))


def test_an_unreachable_budget_is_refused_before_anything_is_trained_for_it(tmp_path):
    impossible = recipe("lenet-dq", ("weights: 4 kB", "weights: 1 kB"))
    seen: list = []
    with pytest.raises(InfeasibleBudgetError, match="1.00 kB requested, the least reachable is"):
        Run(impossible, tmp_path / "run", DIGITS).execute(
            lambda name, total: seen.append(name) or quiet(name, total)
        )
    assert seen == []


@pytest.mark.long
@pytest.mark.parametrize("budget", [True, False])
def test_bits_that_never_move_are_said_so_where_a_budget_wants_it(budget, tmp_path):
    stated = "  budget: {weights: 4 kB, activations_max: 128 B, strength: 1}\n"
    still = recipe(
        "lenet-dq",
        (stated, stated.replace("4 kB", "8 kB").replace("128 B", "256 B") if budget else ""),
        ("learning_rate: 0.01", "learning_rate: 1.0e-12"),
        ("epochs: 4", "epochs: 1"),
        ("epochs: 3", "epochs: 1"),
    )
    results = Run(still, tmp_path / "run", DIGITS).execute(quiet)
    assert results.training["bits_moved"] is False
    warned = any("no bit width ever moved" in each for each in results.compressed.warnings)
    assert warned is budget


def test_a_rule_for_activations_that_matches_nothing_is_refused(tmp_path):
    wrong = recipe(
        "lenet-dq",
        (
            'layers: "*", quantizer: uniform, bits: 6',
            'layers: "*/relu6", quantizer: uniform, bits: 6',
        ),
    )
    with pytest.raises(ConfigError, match="no activation matches") as refused:
        Run(wrong, tmp_path / "run", DIGITS).execute(quiet)
    assert "conv1/conv/relu" in refused.value.help


def test_results_are_those_of_the_files_that_were_written(tmp_path):
    results = Run(recipe("lenet-lutq-2bit"), tmp_path / "run", DIGITS).execute(quiet)
    results = results.as_dict()
    assert results == json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))
    for name, part in (("float", "float"), ("results", "compressed")):
        for kind in ("nnp", "nnb"):
            path = tmp_path / "run" / f"{name}.{kind}"
            assert path.stat().st_size == results[part][f"{kind}_bytes"]
