# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""export, evaluate and verify on files and folders of every kind, with the data that they need."""

from __future__ import annotations

import json
import shutil

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.loading.inputs import OtherData
from nnabla_compress.nnb import read_nnb
from nnabla_compress.recipes.quick import network_recipe
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.runs import evaluate_network, evaluate_run, export_file
from nnabla_compress.runs.finished import stored_in
from nnabla_compress.runs.nnb_network import evaluate_nnb
from nnabla_compress.runs.verified import verify_run
from nnabla_compress.simulator import Machine
from tests.cli.shell import call_here


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A classifier of three clouds of points, and data: with labels and without."""
    path = tmp_path_factory.mktemp("files")
    nn.clear_parameters()
    x = nn.Variable((1, 4))
    y = F.softmax(PF.affine(F.relu(PF.affine(x, 12, name="a")), 3, name="b"))
    rng = np.random.RandomState(0)
    parameters = nn.get_parameters()
    parameters["a/affine/W"].d = np.concatenate([np.eye(4), -np.eye(4), np.eye(4)], axis=1)
    parameters["b/affine/W"].d = rng.randn(12, 3)
    labels = rng.randint(0, 3, 400)
    points = (rng.randn(400, 4) + 2 * np.eye(4)[labels]).astype(np.float32)
    x = nn.Variable((400, 4))
    h = F.relu(PF.affine(x, 12, name="a"))
    x.d = points
    h.forward()
    answers = np.linalg.lstsq(np.c_[h.d, np.ones(400)], 4 * np.eye(3)[labels], rcond=None)[0]
    parameters["b/affine/W"].d, parameters["b/affine/b"].d = answers[:-1], answers[-1]
    x = nn.Variable((1, 4))
    y = F.softmax(PF.affine(F.relu(PF.affine(x, 12, name="a")), 3, name="b"))
    contents = {"name": "main", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(path / "no_executor.nnp"), {"networks": [contents], "executors": []})
    executor = {"name": "runtime", "network": "main", "data": ["x"], "output": ["y"]}
    save(str(path / "net.nnp"), {"networks": [contents], "executors": [executor]})
    nn.clear_parameters()
    np.savez(path / "test.npz", x=points * 10, y=labels)  # needs --scale 0.1
    np.savez(path / "unlabelled.npz", x=points * 10)
    return path


DATA = ("-d", "test.npz", "--scale", "0.1")


@pytest.mark.parametrize("target", ["int8", "int16"])
def test_a_float_file_becomes_integers_with_data_alone(folder, target):
    out = f"out-{target}"
    result = call_here(
        "export", "net.nnp", "-t", target, "-d", "unlabelled.npz", "--scale", "0.1", "-n", 64,
        "-o", out, cwd=folder,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "on 64 samples the .nnb differs by" in " ".join(result.stderr.split())
    result = call_here("evaluate", f"{out}/net.nnb", *DATA, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "in the simulator of the C runtime" in result.stderr
    on_device = float(result.stdout.split("accuracy ")[1].split()[0])
    result = call_here("evaluate", "net.nnp", *DATA, cwd=folder)
    in_float = float(result.stdout.split("accuracy ")[1].split()[0])
    assert abs(on_device - in_float) < 2 and in_float > 80


def test_samples_are_drawn_with_the_seed(folder, tmp_path):
    def types(seed, samples):
        recipe, start = network_recipe(
            folder / "net.nnp", DataOptions(str(folder / "test.npz"), scale="0.1", seed=seed)
        )
        made = export_file(folder / "net.nnp", tmp_path, "int16", recipe, start, samples=samples)
        return [
            (v.type, v.fp_pos, v.data) for v in read_nnb(made.sizes and made.paths[-1]).variables
        ]

    assert types(0, 3) == types(0, 3)
    assert any(types(0, 2) != types(seed, 2) for seed in range(1, 6))


def test_integers_without_data_say_how_to_give_some(folder):
    result = call_here("export", "net.nnp", "-t", "int8", "-o", "none", cwd=folder)
    assert result.returncode == 1 and "add --data" in result.stderr
    assert not (folder / "none").exists()


def test_a_score_of_an_nnb_is_that_of_its_outputs(folder, tmp_path):
    recipe, start = network_recipe(
        folder / "net.nnp", DataOptions(str(folder / "test.npz"), scale="0.1")
    )
    export_file(folder / "net.nnp", tmp_path)
    found = evaluate_nnb(tmp_path / "net.nnb", recipe, start)
    expected = evaluate_network(folder / "net.nnp", recipe, start)
    assert found.accuracy == expected.accuracy and found.samples == 400
    assert found.loss == pytest.approx(expected.loss, rel=1e-4)
    with np.load(folder / "test.npz") as arrays:
        outputs = Machine(tmp_path / "net.nnb").run_many([arrays["x"] * np.float32(0.1)])[0]
        assert found.accuracy == np.mean(outputs.argmax(axis=1) == arrays["y"])


def test_a_score_of_a_regression_is_its_squared_error(tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 2))
    y = PF.affine(x, 1, name="fc")
    export_nnp(tmp_path / "net.nnp", {"y": y}, {"x": x})
    nnb = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    points = np.random.RandomState(0).randn(30, 2).astype(np.float32)
    np.savez(tmp_path / "d.npz", x=points, y=np.ones((30, 1), np.float32))
    recipe, start = network_recipe(nnb, DataOptions(str(tmp_path / "d.npz"), loss="SquaredError"))
    weight, bias = (nn.get_parameters()[f"fc/affine/{n}"].d for n in "Wb")
    errors = np.square(points @ weight + bias - 1)
    assert evaluate_nnb(nnb, recipe, start).loss == pytest.approx(errors.mean(), rel=1e-4)


def test_an_nnb_alone_is_verified_on_data(folder, tmp_path):
    export_file(folder / "net.nnp", tmp_path)
    (tmp_path / "net.nnp").unlink()
    result = call_here(
        "verify", "net.nnb", "-d", folder / "unlabelled.npz", "--scale", "0.1", "-n", 10,
        "--json", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert (
        found["samples"] == {"from": "the test samples", "count": 10}
        or found["samples"]["count"] == 10
    )


def test_a_file_is_verified_without_labels(folder):
    result = call_here("verify", "net.nnp", "-d", "unlabelled.npz", "--scale", "0.1", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "accuracy" not in result.stdout


def test_a_file_without_an_executor_says_how_to_get_one(folder):
    result = call_here("verify", "no_executor.nnp", cwd=folder)
    assert result.returncode == 1
    assert "no_executor.nnp has no executor" in result.stderr
    assert "'nnabla-compress export no_executor.nnp'" in " ".join(result.stderr.split())


def test_without_labels_a_file_is_scored_by_the_float_file_beside_it(folder, tmp_path):
    recipe, start = network_recipe(
        folder / "net.nnp", DataOptions(str(folder / "unlabelled.npz"), scale="0.1")
    )
    shutil.copy(folder / "net.nnp", tmp_path / "results.nnp")
    with pytest.raises(DataError, match="has no targets to score"):
        evaluate_network(tmp_path / "results.nnp", recipe, start)
    shutil.copy(folder / "net.nnp", tmp_path / "float.nnp")
    score = evaluate_network(tmp_path / "results.nnp", recipe, start)
    assert (score.accuracy, score.accuracy_name) == (1.0, "agreement with the float network")


def test_a_folder_without_a_recipe_stands_for_its_results(tmp_path):
    assert stored_in(tmp_path) == tmp_path
    (tmp_path / "results.nnp").touch()
    assert stored_in(tmp_path) == tmp_path / "results.nnp"
    (tmp_path / "recipe.yaml").touch()
    assert stored_in(tmp_path) == tmp_path


def test_an_exported_file_is_exported_again_as_integers(folder, tmp_path):
    """Its variables have the names that NNabla gives, which must not stand for two."""
    recipe, start = network_recipe(
        folder / "net.nnp", DataOptions(str(folder / "test.npz"), scale="0.1")
    )
    export_file(folder / "net.nnp", tmp_path / "one")
    for target in ("int8", "int16"):
        export_file(tmp_path / "one" / "net.nnp", tmp_path / "two", target, recipe, start)
        score = evaluate_nnb(tmp_path / "two" / "net.nnb", recipe, start)
        assert score.accuracy > 0.8


@pytest.mark.parametrize("verb", ["compress", "ptq"])
def test_a_run_without_data_takes_those_that_are_named(folder, tmp_path, verb):
    """What a run says of data that it lacks, and what it takes, is the same option."""
    rule = ("-w", "lut:bits=4") if verb == "compress" else ("-b", "4")
    assert call_here(verb, "net.nnp", *rule, "-o", tmp_path / "run", cwd=folder).returncode == 0
    for arguments in (("export", "-t", "int8", "-o", tmp_path / "int8"), ("evaluate",)):
        result = call_here(arguments[0], tmp_path / "run", *arguments[1:], cwd=folder)
        assert result.returncode == 1 and "--data" in result.stderr
        result = call_here(arguments[0], tmp_path / "run", *arguments[1:], *DATA, cwd=folder)
        assert result.returncode == 0, result.stderr
    recipe, start = network_recipe(
        folder / "net.nnp", DataOptions(str(folder / "test.npz"), scale="0.1")
    )
    on_run = evaluate_run(tmp_path / "run", other=OtherData(recipe, start))
    on_file = evaluate_network(tmp_path / "run" / "results.nnp", recipe, start)
    assert on_run.accuracy == on_file.accuracy > 0.8 and on_run.samples == 400
    (nnb,) = (tmp_path / "int8").glob("*.nnb")
    assert evaluate_nnb(nnb, recipe, start).accuracy > 0.8
    found = verify_run(tmp_path / "run", count=20, other=OtherData(recipe, start, "either"))
    assert found.kept and "graph" in found.accuracies


def test_other_data_without_labels_are_answered_by_the_float_network(folder, tmp_path):
    result = call_here("ptq", "net.nnp", *DATA, "-b", "4", "-o", tmp_path / "run", cwd=folder)
    assert result.returncode == 0, result.stderr
    recipe, start = network_recipe(folder / "net.nnp", DataOptions(str(folder / "unlabelled.npz")))
    score = evaluate_run(tmp_path / "run", other=OtherData(recipe, start))
    assert score.accuracy_name == "agreement with the float network"
    assert score.accuracy > 0.9, "the run's own preprocessing holds where none is given"


def test_options_that_contradict_each_other_are_refused(folder):
    with pytest.raises(ConfigError, match="are for data"):
        network_recipe(folder / "net.nnp", DataOptions(scale="0.1"))
    with pytest.raises(ConfigError, match="brings data and preprocessing"):
        network_recipe(folder / "net.nnp", DataOptions("a.npz", folder / "recipe.yaml"))
