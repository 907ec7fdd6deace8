# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks on graphs trained layer by layer: what learns, what is written, kills, refusals."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.sparse

from nnabla_compress.errors import ConfigError
from nnabla_compress.models import NnpFile
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run
from nnabla_compress.training import Trainer
from tests.runs.steps.small import all_bytes, go, opened_again, parameters

SETTINGS = {
    "epochs": 4,
    "batch_size": 8,
    "solver": "Adam",
    "learning_rate": 0.05,
    "schedule": "constant",
    "checkpoint_interval": 3,
}


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Two groups of nodes, linked within; features say less of the group than links do."""
    folder = tmp_path_factory.mktemp("source")
    rng = np.random.RandomState(0)
    y = rng.randint(0, 2, 60)
    x = (rng.randn(60, 5) + 2 * y[:, None]).astype(np.float32)
    edges = [(a, b) for a in range(60) for b in range(a) if y[a] == y[b] and rng.rand() < 0.1]
    nodes = np.arange(60)
    rows = {"idx_train": nodes[:10], "idx_val": nodes[10:20], "idx_test": nodes[40:]}
    np.savez(folder / "g.npz", features=x, edges=np.array(edges), label=y, **rows)
    return folder


def recipe_of(source, *steps, layers=2, **more):
    return Recipe.checked(
        {
            "name": "small",
            "model": {"name": "graph_convolution", "options": {"layers": layers, "hidden": 6}},
            "data": {"source": "graph", "path": str(source / "g.npz")},
            "steps": list(steps),
            **more,
        }
    )


FLOAT = {"layerwise": SETTINGS}
AGAIN = [FLOAT, {"quantize": "lut:bits=2"}, {"layerwise": {**SETTINGS, "stop": "plateau"}}]


@pytest.fixture(scope="module")
def results(source):
    return go(recipe_of(source, *AGAIN), source / "run")


def test_each_training_touches_its_layer_and_the_classifier_only(source, results):
    kept = {
        number: parameters(next((source / "run/steps/01-layerwise").glob(f"layer{number}/best.h5")))
        for number in (1, 2)
    }
    start = source / "untrained"
    go(recipe_of(source, {"layerwise": {**SETTINGS, "epochs": 0}}), start)
    before = parameters(start / "steps/01-layerwise.h5")
    changed = [name for name in before if not np.array_equal(kept[1][name], before[name])]
    assert changed == ["classifier/affine/W", "layer1/affine/W"]
    changed = [name for name in before if not np.array_equal(kept[2][name], kept[1][name])]
    assert changed == ["classifier/affine/W", "layer2/affine/W"]


def test_it_learns_and_the_results_say_so_for_each_layer(results):
    assert results.float.accuracy > 0.8
    first, _, again = results.recipe_steps
    assert [layer["iterations"] for layer in first["layers"]] == [15, 15]
    assert first["epochs"] == 8.0
    assert [layer["stopped"]["of"] for layer in again["layers"]] == [4, 4]


def test_a_run_is_opened_again_with_the_same_scores_and_outputs(source, results):
    opened_again(source / "run", results)


def test_the_export_is_the_layers_side_by_side_and_one_file_each(source, results):
    folder = source / "run"
    shapes = NnpFile(folder / "results.nnp").data_shapes(None)
    assert shapes == {"x1": (5,), "x2": (6,)}
    for number, width in ((1, 5), (2, 6)):
        file = NnpFile(folder / f"results-layer{number}.nnp")
        assert file.data_shapes(None) == {"x": (width,)}
        assert (folder / f"results-layer{number}.nnb").is_file()
    notes = " ".join(results.compressed.notes)
    assert "the input x1 is a row of A' X" in notes and "rows h1 of all nodes" in notes


@pytest.mark.parametrize("at", [("layer1", 4), ("layer1", 15), ("layer2", 7)])
def test_killed_in_any_layer_and_resumed_it_ends_with_the_same_bits(source, results, at):
    killed = source / f"killed-{at[0]}-{at[1]}"
    recipe = recipe_of(source, *AGAIN)

    def kill(name, total):
        def after(done, total, values):
            if name.startswith("01") and name.endswith(at[0]) and done == at[1]:
                raise KeyboardInterrupt

        return after

    with pytest.raises(KeyboardInterrupt):
        Run(recipe, killed, source, False).execute(kill)
    go(recipe, killed, resume=True)
    assert all_bytes(killed) == all_bytes(source / "run")


def test_learned_stopping_practises_once_and_says_what_it_decided(source):
    rule = {"controller": {"every": 1, "least": 1, "rounds": 3, "preset_rounds": 2, "nodes": 12}}
    recipe = recipe_of(source, {"layerwise": {**SETTINGS, "stop": rule}}, export={"nnb": False})
    whole = go(recipe, source / "learned")
    practice = json.loads((source / "learned/steps/01-layerwise/practice.json").read_text())
    assert len(practice["worth_of_rounds"]) == 3
    for layer in whole.recipe_steps[0]["layers"]:
        assert layer["stopped"]["decisions"] and layer["stopped"]["why"]

    def kill(name, total):
        def after(done, total, values):
            if name.endswith("layer2") and done == 2:
                raise KeyboardInterrupt

        return after

    with pytest.raises(KeyboardInterrupt):
        Run(recipe, source / "learned-killed", source, False).execute(kill)
    go(recipe, source / "learned-killed", resume=True)
    assert all_bytes(source / "learned-killed") == all_bytes(source / "learned")


def test_wide_features_are_dense_for_the_rows_of_one_batch_only(source, monkeypatch):
    dense, at_work = [], []
    toarray, run = scipy.sparse.csr_matrix.toarray, Trainer.run

    def noted(matrix, *args, **kwargs):
        dense.extend([matrix.shape] * len(at_work))
        return toarray(matrix, *args, **kwargs)

    def watched(*args, **kwargs):
        at_work.append(True)
        try:
            return run(*args, **kwargs)
        finally:
            at_work.pop()

    monkeypatch.setattr(scipy.sparse.csr_matrix, "toarray", noted)
    monkeypatch.setattr(Trainer, "run", watched)
    go(recipe_of(source, FLOAT, export={"nnb": False}, evaluate=False), source / "sparse")
    assert {width for _, width in dense} == {5}
    assert max(rows for rows, _ in dense) == 10, "validation samples, more than the 8 of a batch"


def test_as_a_whole_the_same_network_is_trained_by_the_step_train(source):
    steps = [{"train": {**SETTINGS, "epochs": 40, "batch_size": 30}}]
    found = go(recipe_of(source, *steps, export={"nnb": False}), source / "whole")
    assert found.float.loss < 0.6, "by chance it is 0.69"


def test_a_single_layer_is_exported_as_one_network(source):
    go(recipe_of(source, FLOAT, layers=1, export={"nnb": False}), source / "one")
    assert NnpFile(source / "one/float.nnp").data_shapes(None) == {"x": (5,)}
    assert not list((source / "one").glob("*-layer*"))


def test_data_that_are_no_graph_are_refused_before_anything_is_trained(source):
    recipe = Recipe.checked(
        {
            "name": "small",
            "model": {"name": "mlp"},
            "data": {"source": "digits"},
            "steps": [FLOAT],
        }
    )
    with pytest.raises(ConfigError, match="layerwise: digits is no graph of nodes"):
        go(recipe, source / "digits")
    assert not (source / "digits").exists()


def test_a_rule_that_practises_is_refused_by_the_step_train(source):
    with pytest.raises(ConfigError, match="controller practises on small samples"):
        recipe_of(source, {"train": {**SETTINGS, "stop": "controller"}})


def test_layers_are_factorized_and_trained_on(source):
    steps = [FLOAT, {"factorize": {"method": "svd", "ranks": 2}}, FLOAT]
    found = go(recipe_of(source, *steps, export={"nnb": False}), source / "factorized")
    assert found.compressed.packed_weight_bytes < found.float.packed_weight_bytes
    assert len(found.recipe_steps[2]["layers"]) == 2
    opened_again(source / "factorized", found)


def test_a_calibration_of_its_samples_is_refused_before_anything_is_trained(source):
    with pytest.raises(ConfigError, match="read rows of all nodes, not of samples"):
        go(recipe_of(source, FLOAT, {"calibrate": {"bits": 8}}), source / "calibrated")
    assert not (source / "calibrated" / "steps").exists()
