# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.progress import listening
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run, nnb_network
from nnabla_compress.runs.nnb_network import evaluate_nnb
from tests.cli.shell import call_here


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A classifier of four numbers whose file ends in probabilities, and samples of two splits."""
    path = tmp_path_factory.mktemp("scored")
    nn.clear_parameters()
    x = nn.Variable((1, 4))
    h = F.relu(PF.affine(x, 8, name="a"))
    nn.set_auto_forward(False)
    y = F.softmax(PF.affine(h, 3, name="b"))
    rng = np.random.RandomState(3)
    for name, size in (("a", (4, 8)), ("b", (8, 3))):
        nn.get_parameters()[f"{name}/affine/W"].d = rng.randn(*size)
    contents = {"name": "main", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(path / "net.nnp"), {"networks": [contents], "executors": []})
    images = rng.randn(400, 4).astype(np.float32)
    h = np.maximum(images @ nn.get_parameters()["a/affine/W"].d, 0)
    classes = (h @ nn.get_parameters()["b/affine/W"].d).argmax(axis=1)
    nn.clear_parameters()
    arrays = {"x_train": images[:200], "y_train": classes[:200]}
    np.savez(path / "data.npz", **arrays, x_test=images[200:], y_test=classes[200:])
    return path


def recipe(folder, **changes) -> Recipe:
    content = {
        "name": "scored",
        "model": {"nnp": str(folder / "net.nnp")},
        "data": {"source": "npz", "path": str(folder / "data.npz")},
        "compression": {"weights": [{"layers": "*", "quantizer": "uniform", "bits": 2}]},
        "export": {"score": True},
    }
    return Recipe.checked({**content, **changes})


@pytest.mark.parametrize("target", ["portable", "int8", "callback"])
def test_a_run_scores_the_file_that_it_wrote_as_the_device_runs_it(folder, tmp_path, target):
    asked = recipe(folder, export={"score": True, "target": target})
    found = Run(asked, tmp_path / "run", folder).execute(lambda *a: lambda *b: None).compressed
    alone = evaluate_nnb(tmp_path / "run" / "results.nnb", asked, folder)
    assert found.nnb_score["accuracy"] == alone.accuracy
    assert found.nnb_score["loss"] == pytest.approx(alone.loss, rel=1e-6)
    assert found.nnb_score["samples"] == 200
    written = json.loads((tmp_path / "run" / "results.json").read_text("utf-8"))
    assert written["compressed"]["nnb_score"] == found.nnb_score
    # Two bits are coarse: the score is that of the compressed network, not of the float one.
    assert 0.5 < found.nnb_score["accuracy"] < 1
    assert found.nnb_score["accuracy"] == pytest.approx(found.accuracy, abs=0.05)
    if target == "portable":
        assert found.nnb_score["loss"] == pytest.approx(found.loss, rel=1e-4)


def test_the_simulator_tells_of_all_batches_as_of_one_work(folder, tmp_path, monkeypatch):
    asked = recipe(folder)
    Run(asked, tmp_path / "run", folder).execute(lambda *a: lambda *b: None)
    monkeypatch.setattr(nnb_network, "_ROWS", 64)
    heard = []
    with listening(lambda name, total: lambda *now: heard.append((name, *now[:2]))):
        evaluate_nnb(tmp_path / "run" / "results.nnb", asked, folder)
    steps = [(done, total) for name, done, total in heard if name == "running the simulator"]
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]


def test_the_shell_prints_the_score_of_the_file_and_the_report_tells_it(folder, tmp_path):
    said = call_here(
        *("compress", str(folder / "net.nnp"), "-w", "uniform:bits=2", "--score"),
        *("--data", str(folder / "data.npz"), "-o", str(tmp_path / "run")),
        cwd=tmp_path,
    )
    assert said.returncode == 0
    line = "the .nnb itself, in the simulator of the C runtime: accuracy "
    assert line in " ".join(said.stdout.split())
    page = (tmp_path / "run" / "report.html").read_text("utf-8")
    assert "The .nnb itself, in the simulator of the C runtime: accuracy" in page


def test_what_can_not_be_scored_is_refused_before_anything_is_done(folder, tmp_path):
    with pytest.raises(ConfigError, match="none is written"):
        recipe(folder, export={"score": True, "nnb": False})
    with pytest.raises(ConfigError, match="the networks are not"):
        recipe(folder, evaluate=False)
    without = recipe(folder, data=None)
    with pytest.raises(DataError, match="there are no data"):
        Run(without, tmp_path / "run", folder).execute(lambda *a: lambda *b: None)
    said = call_here(
        *("ptq", str(folder / "net.nnp"), "--bits", "4", "--score"),
        *("--data", str(folder / "data.npz"), "-o", str(tmp_path / "ptq")),
        cwd=tmp_path,
    )
    assert said.returncode != 0 and "add --evaluate" in " ".join(said.stderr.split())
