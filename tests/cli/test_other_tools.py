# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks as other tools write them, through every verb of the command line."""

from __future__ import annotations

import json
import shutil
import zipfile

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from click.testing import CliRunner

from nnabla_compress.cli.compress import command as compress
from nnabla_compress.cli.evaluate import command as evaluate
from nnabla_compress.cli.export import command as export
from nnabla_compress.cli.inspect import command as inspect
from nnabla_compress.cli.prune import command as prune
from nnabla_compress.cli.ptq import command as ptq
from nnabla_compress.cli.report import command as report
from nnabla_compress.cli.sensitivity import command as sensitivity
from nnabla_compress.cli.verify import command as verify
from nnabla_compress.errors import CompressError, FixedBatchError, UnsupportedFunctionError
from nnabla_compress.models import NnpFile
from tests.models.others import (
    STEPS,
    attention,
    cells,
    embedding,
    onnx_like,
    parameter,
    recurrent,
    samples,
    save,
)


def run(command, *words):
    result = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def fixed():
    x = nn.Variable((4, 6))
    return x, PF.affine(F.relu(PF.affine(x * parameter("rows", 4, 6), 8, name="a")), 3, name="b")


def power():
    x = nn.Variable((1, 6))
    return x, PF.affine(F.pow2(F.abs(x) + 1, parameter("exponents", 1, 6)), 3, name="a")


# How each is built, the number of its layers with a weight of their own, its numbers below.
NETWORKS = {
    "onnx": (onnx_like, 4, 0),
    "lstm": (recurrent, 2, 0),
    "attention": (attention, 4, 0),
    "embedding": (embedding, 2, 20),
    "fixed": (fixed, 2, 0),
    "power": (power, 1, 0),
}


@pytest.fixture
def stored(request, tmp_path):
    build, layers, below = NETWORKS[request.param]
    x, y = build()
    path = save(tmp_path / "net.nnp", x, y, batch_size=x.shape[0])
    np.savez(tmp_path / "data.npz", **samples(x, count=26, below=below))
    nn.clear_parameters()
    return path, tmp_path / "data.npz", layers


@pytest.mark.parametrize("stored", NETWORKS, indirect=True)
def test_a_network_goes_through_every_verb(stored, tmp_path, monkeypatch):
    monkeypatch.delenv("NNABLART", raising=False)
    path, data, count = stored
    (network,) = json.loads(run(inspect, path, "--json"))["networks"]
    assert len({layer["name"] for layer in network["layers"]}) == count
    assert not any("no function" in each["reason"] for each in network["obstacles"])
    run(compress, path, "-w", "lut:bits=4", "-o", tmp_path / "run")
    run(ptq, path, "--data", data, "-n", 20, "-o", tmp_path / "ptq", "--evaluate")
    for folder in ("run", "ptq"):
        results = json.loads((tmp_path / folder / "results.json").read_text("utf-8"))
        assert len(results["layers"]) == count and all(r["quantizer"] for r in results["layers"])
    run(export, path, "-o", tmp_path / "exported", "--c")
    assert "yes" in run(verify, tmp_path / "run", "-n", 4)
    assert "26 samples" in " ".join(run(evaluate, path, "--data", data).split())
    run(sensitivity, path, "--data", data, "--bits", 4, "--samples", 8, "-o", tmp_path / "s")
    assert (tmp_path / "s" / "sensitivity.json").exists()


def test_states_that_no_executor_gives_are_zeros_and_noted(tmp_path):
    path = cells(tmp_path / "net.nnp")
    np.savez(tmp_path / "data.npz", **samples(nn.Variable((1, STEPS, 6))))
    nn.clear_parameters()
    assert "starts from zeros" in " ".join(run(inspect, path).split())
    result = CliRunner().invoke(
        ptq, [str(path), "--data", str(tmp_path / "data.npz"), "-o", str(tmp_path / "out")]
    )
    assert result.exit_code == 0
    results = json.loads((tmp_path / "out" / "results.json").read_text("utf-8"))
    assert any("starts from zeros" in note for note in results["compressed"]["notes"])


@pytest.mark.parametrize("verb", ["compress", "ptq"])
def test_a_missing_function_is_named_before_anything_is_trained_or_written(verb, tmp_path):
    x = nn.Variable((1, 6))
    path = save(tmp_path / "net.nnp", x, PF.affine(F.sin(PF.affine(x, 5, name="a")), 3, name="b"))
    np.savez(tmp_path / "data.npz", **samples(x))
    nn.clear_parameters()
    words = [path, "--data", tmp_path / "data.npz", "-o", tmp_path / "out"]
    words += ["-w", "lut:bits=4", "--epochs", "1000"] if verb == "compress" else []
    with pytest.raises(UnsupportedFunctionError, match="no function Sin.*behind a/affine"):
        run(compress if verb == "compress" else ptq, *words)
    assert not (tmp_path / "out").exists()


def test_a_batch_size_that_a_network_does_not_have_is_refused(tmp_path):
    x, y = fixed()
    path = save(tmp_path / "net.nnp", x, y, batch_size=4)
    nn.clear_parameters()
    with pytest.raises(FixedBatchError, match="4 samples at a time only, 2 are asked for"):
        run(export, path, "-b", 2, "-o", tmp_path / "out")
    run(export, path, "-b", 4, "-o", tmp_path / "out")
    (network,) = json.loads(run(inspect, tmp_path / "out" / "net.nnp", "--json"))["networks"]
    assert network["inputs"] == {"x": [4, 6]} and network["outputs"] == {"y": [4, 3]}


def test_several_outputs_go_through_all_verbs_but_those_that_judge_one(tmp_path):
    x = nn.Variable((1, 6))
    h = F.relu(PF.affine(x, 8, name="a"))
    outputs = {"cls": F.softmax(PF.affine(h, 3, name="cls")), "box": PF.affine(h, 4, name="box")}
    path, data = save(tmp_path / "net.nnp", x, outputs), tmp_path / "data.npz"
    np.savez(data, **samples(x))
    nn.clear_parameters()
    run(export, path, "-o", tmp_path / "out")
    run(
        compress, path, "-w", "lut:bits=4", "-a", "uniform:bits=8", "-d", data, "-o", tmp_path / "c"
    )
    run(ptq, path, "-d", data, "--bits", 4, "-o", tmp_path / "q")
    for folder in ("c", "q"):
        assert list(NnpFile(tmp_path / folder / "results.nnp").build().outputs) == ["cls", "box"]
        shown = run(verify, tmp_path / folder, "-n", 3)
        assert "cls" in shown and "box" in shown
        run(export, tmp_path / folder, "-o", tmp_path / "again" / folder)
    with pytest.raises(CompressError, match="2 outputs: cls, box; a loss acts on one"):
        run(compress, path, "-w", "lut:bits=4", "-d", data, "-e", 1, "-o", tmp_path / "run")
    with pytest.raises(CompressError, match="2 outputs: cls, box; a loss acts on one"):
        run(evaluate, tmp_path / "c")
    assert not (tmp_path / "run").exists()


def test_a_folder_of_console_and_a_pair_work_like_a_file(tmp_path):
    x, y = onnx_like()
    path = save(tmp_path / "net.nnp", x, y)
    np.savez(tmp_path / "data.npz", **samples(x))
    nn.clear_parameters()
    folder = tmp_path / "results"
    folder.mkdir()
    with zipfile.ZipFile(path) as archive:
        (folder / "net.nntxt").write_bytes(archive.read("network.nntxt"))
        (folder / "parameters.h5").write_bytes(archive.read("parameter.h5"))
    (tmp_path / "work.files").mkdir()
    shutil.copytree(folder, tmp_path / "work.files" / "20260101_120000")
    (tmp_path / "work.sdcproj").write_text("[Engine]\n", encoding="utf-8")
    expected = run(evaluate, path, "--data", tmp_path / "data.npz")
    for number, target in enumerate((folder, folder / "net.nntxt", tmp_path / "work.sdcproj")):
        assert run(evaluate, target, "--data", tmp_path / "data.npz") == expected
        out = tmp_path / f"out_{number}"
        run(compress, target, "-w", "lut:bits=4", "--no-nnb", "-o", out / "run")
        run(evaluate, out / "run" / "results.nnp", "--data", tmp_path / "data.npz")
        run(export, target, "-o", out / "exported")
        assert (out / "exported" / "net.nnb").exists()
        assert "yes" in run(verify, out / "exported" / "net.nnp", "-n", 3)
        assert "fc1.weight" in run(inspect, target)
        run(ptq, target, "--data", tmp_path / "data.npz", "-n", 8, "-o", out / "ptq")
        run(prune, target, "--filters", "50%", "--no-nnb", "-o", out / "pruned")
        words = ("--bits", 4, "--samples", 4, "-o", out / "s")
        run(sensitivity, target, "--data", tmp_path / "data.npz", *words)
        run(report, target, "-o", out / "report.html")


def test_names_of_any_script_are_shown_and_written(tmp_path):
    x = nn.Variable((1, 6))
    y = PF.affine(F.relu(PF.affine(x, 5, name="全結合")), 3, name="été")
    path = save(tmp_path / "結果.nnp", {"入力": x}, {"出力": y})
    np.savez(tmp_path / "data.npz", 入力=samples(x)["x"], y=samples(x)["y"])
    nn.clear_parameters()
    shown = run(inspect, path)
    assert "全結合/affine" in shown and "入力" in shown and "xn--" not in shown
    run(ptq, path, "--data", tmp_path / "data.npz", "-w", "全*=affine:bits=4", "-o", tmp_path / "p")
    results = json.loads((tmp_path / "p" / "results.json").read_text("utf-8"))
    assert [(row["name"], row["bits"]) for row in results["layers"]] == [
        ("全結合/affine", 4),
        ("été/affine", 32),
    ]
    assert [row["name"] for row in results["what_stays"]] == ["été/affine"]
    run(export, path, "--c", "-o", tmp_path / "exported")
    assert '#include "結果.h"' in (tmp_path / "exported" / "結果.c").read_text("utf-8")
    assert "test:" in run(evaluate, path, "--data", tmp_path / "data.npz")
