# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress verify`` on runs and on files."""

from __future__ import annotations

import json

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.cli import main
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.quantizers import Uniform
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run
from nnabla_compress.runs.finished import export_run

RECIPE = {
    "name": "tiny",
    "model": {"name": "mlp", "options": {"hidden": [8]}},
    "data": {"source": "digits", "validation": 0.1},
    "compression": {
        "weights": [{"quantizer": "lut", "bits": 2, "grid_bits": 8}],
        "activations": [{"quantizer": "uniform", "bits": 8}],
    },
}


@pytest.fixture(autouse=True)
def no_real_runtime(monkeypatch):
    monkeypatch.delenv("NNABLART", raising=False)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    run = Run(Recipe.checked(RECIPE, "recipe"), folder, folder)
    run.execute(lambda name, total: lambda done, total, values: None, print)
    export_run(folder, folder / "export", "integer")
    return folder


@pytest.fixture
def verify(capsys):
    def call(*arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main(["verify", *map(str, arguments)])
        printed = capsys.readouterr()
        assert "internal error" not in printed.err
        return stop.value.code, printed.out, printed.err

    return call


def test_a_run_is_compared_down_to_the_simulator(finished, verify):
    status, out, _ = verify(finished, "--samples", 20)
    assert status == 0
    assert "Agreement on 20 samples: the test samples" in out
    for name in ("graph", ".nnp in NNabla", ".nnb in the simulator"):
        assert f"accuracy of the {name}: " in out


@pytest.mark.parametrize(
    "step, promise",
    [
        ({"shrink": {}}, "within 0.001 of the output"),
        ({"prune_channels": {"filters": 0.5}}, "nothing"),
    ],
)
def test_a_run_that_keeps_what_the_network_computes_promises_that(tmp_path, verify, step, promise):
    recipe = {**RECIPE, "steps": [step], "evaluate": False}
    recipe.pop("compression")
    run = Run(Recipe.checked(recipe, "recipe"), tmp_path, tmp_path)
    run.execute(lambda name, total: lambda done, total, values: None, lambda line: None)
    status, out, _ = verify(tmp_path, "-n", 4, "--json")
    first = json.loads(out)["comparisons"][0]
    assert status == 0
    assert (*first["between"], first["promised"]) == (
        "float network",
        "graph",
        promise,
    )


def test_another_export_of_a_run_is_compared_with_its_graph(finished, verify):
    nnp = finished / "export" / "tiny.nnp"
    status, out, _ = verify(finished, "--nnp", nnp, "-n", 20, "--json")
    found = json.loads(out)
    assert status == 0 and found["kept"]
    promised = [comparison["promised"] for comparison in found["comparisons"]]
    assert promised[-1] == "value for value"
    assert found["comparisons"][-1]["outputs"][0]["equal"] == 1
    assert found["files"] == {".nnp": str(nnp), ".nnb": str(nnp.with_suffix(".nnb"))}


def test_a_file_is_compared_on_the_data_that_are_given(finished, verify):
    status, out, _ = verify(finished / "export" / "tiny.nnb", "--data", "digits", "-n", 30)
    assert status == 0
    assert "30 samples: the test samples" in out and "accuracy of the .nnp in NNabla" in out


def test_a_file_without_data_is_compared_on_random_samples(finished, verify):
    status, out, _ = verify(finished / "results.nnp")
    assert status == 0
    assert "100 samples: the standard normal distribution" in out and "accuracy" not in out


def test_a_broken_promise_is_an_error(tmp_path, verify):
    x = nn.Variable((1, 4))
    x.d = np.random.RandomState(0).randn(1, 4)
    with nn.parameter_scope("in"):
        h = Uniform(bits=8)(x)
    y = PF.affine(h, 3, apply_w=Uniform(bits=4), name="f")
    y.forward()
    export_nnp(tmp_path / "other.nnp", y, x, target="integer")
    nn.get_parameters()["f/affine/b"].d += 1
    export_nnp(tmp_path / "net.nnp", y, x, target="integer")
    export_nnb(tmp_path / "net.nnb", tmp_path / "other.nnp")
    status, out, error = verify(tmp_path / "net.nnp")
    assert status == 1 and "NO" in out
    assert "VerifyError: .nnp in NNabla and .nnb in the simulator differ" in error


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["nothere.nnp"], "there is no file nothere.nnp"),
        (["there.txt"], "no run folder, no .nnp and no .nnb"),
        (["there.txt", "--nnp", "other.nnp"], "--nnp goes with a run folder"),
        (["."], "is no run folder"),
        ([".", "--scale", "2"], "--scale is for data that are given"),
    ],
)
def test_what_has_no_meaning_is_refused(tmp_path, monkeypatch, verify, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there.txt").write_text("words")
    status, _, error = verify(*arguments)
    assert status == 1 and words in error and "Traceback" not in error


def test_an_nnb_alone_takes_data(tmp_path, finished, verify):
    nnb = tmp_path / "alone.nnb"
    nnb.write_bytes((finished / "results.nnb").read_bytes())
    status, out, error = verify(nnb, "--data", "digits", "-n", 20)
    assert status == 0, error
    assert "accuracy of the .nnb in the simulator" in out
    status, out, _ = verify(nnb, "-n", 3)
    assert status == 0 and "ran 3 samples; there is no .nnp beside the file" in out


def test_a_damaged_file_is_refused(tmp_path, verify):
    path = tmp_path / "net.nnb"
    path.write_bytes(b"nothing")
    status, _, error = verify(path)
    assert status == 1 and "Traceback" not in error
