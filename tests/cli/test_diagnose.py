# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import shlex

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress import cli
from nnabla_compress.exporters import export_nnp


def verb(*words):
    with pytest.raises(SystemExit) as stop:
        cli.main([str(word) for word in words])
    return stop.value.code


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A network with data, quantized with one layer too coarse; and pruned."""
    folder = tmp_path_factory.mktemp("made")
    rng = np.random.RandomState(0)
    x = rng.randn(200, 8).astype(np.float32)
    y = (x[:, 0] + x[:, 1] > 0).astype(int)
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x[:50], y_test=y[:50])
    np.savez(folder / "pixels.npz", x_train=255 * x, y_train=y, x_test=255 * x, y_test=y)
    nn.clear_parameters()
    nn.random.prng = np.random.RandomState(0)
    x = nn.Variable((1, 8))
    h = F.relu(PF.affine(x, 16, name="a"))
    h = F.relu(PF.affine(h, 16, name="b"))
    export_nnp(folder / "net.nnp", PF.affine(h, 2, name="c"), x)
    nn.clear_parameters()
    data = ("-d", folder / "data.npz", "-n", "100")
    rules = ("--calibration", "min_max", "-w", "affine:bits=8", "-w", "b/affine=affine:bits=2")
    assert verb("ptq", folder / "net.nnp", *data, *rules, "-o", folder / "run") == 0
    rules = ("-w", "lut:bits=4", "-w", "b/affine=lut:bits=1", "-w", "c/affine=affine:bits=8")
    assert verb("compress", folder / "net.nnp", *rules, "-o", folder / "without data") == 0
    pruned = ("prune", folder / "net.nnp", "--filters", "50%", "-d", folder / "data.npz")
    assert verb(*pruned, "-o", folder / "pruned") == 0
    return folder


def test_a_fault_is_told_with_the_command_that_mends_it_and_mends_it(made, capsys, tmp_path):
    assert verb("diagnose", made / "run", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    (first, *_) = found["findings"]
    assert first["check"] == "coarse" and "b/affine" in first["title"]
    errors = {(row["name"], row["kind"]): row["alone"] for row in found["errors"]}
    assert errors["b/affine", "weights"] < 30 < errors["c/affine", "weights"] < 90, (
        "weights are compared with those before their rounding was learned"
    )
    program, *words = shlex.split(first["command"])
    assert program == "nnabla-compress"
    assert verb(*words, "-o", tmp_path / "mended") == 0
    capsys.readouterr()
    assert verb("diagnose", tmp_path / "mended", "--json") == 0
    mended = json.loads(capsys.readouterr().out)
    assert mended["snr"] > found["snr"] + 6


def test_it_prints_a_table_and_leaves_what_it_found_in_the_report(made, capsys):
    assert verb("diagnose", made / "run") == 0
    said = capsys.readouterr().out
    assert "b/affine" in said and "together" in said and "1. the weights of b/affine" in said
    kept = json.loads((made / "run" / "diagnosis.json").read_text("utf-8"))
    assert kept["findings"] and len(kept["errors"]) == 6
    assert "<h2 id=" in (made / "run" / "report.html").read_text("utf-8")
    assert ">Diagnosis</h2>" in (made / "run" / "report.html").read_text("utf-8")


def test_inputs_of_another_scale_are_found_by_what_the_run_saw(made, capsys):
    assert verb("diagnose", made / "run", "--data", made / "pixels.npz", "--json") == 0
    (first, *_) = json.loads(capsys.readouterr().out)["findings"]
    assert first["check"] == "preprocessing" and first["command"].endswith("--scale 1/255")
    words = shlex.split(first["command"])[1:]
    assert verb(*words, "--json") == 0
    found = json.loads(capsys.readouterr().out)["findings"]
    assert "preprocessing" not in [finding["check"] for finding in found]


def test_commands_take_the_data_that_were_given_and_leave_the_other_layers_as_they_are(
    made, capsys, tmp_path
):
    run = made / "without data"
    assert verb("diagnose", run) == 1
    assert "add --data" in capsys.readouterr().err
    data = ("--data", made / "pixels.npz", "--scale", "1/255")
    assert verb("diagnose", run, *data, "--json") == 0
    (first, *_) = json.loads(capsys.readouterr().out)["findings"]
    assert f"--data {made / 'pixels.npz'} --scale 1/255 " in first["command"]
    assert verb(*shlex.split(first["command"])[1:], "-o", tmp_path / "mended") == 0
    found = json.loads((tmp_path / "mended" / "results.json").read_text("utf-8"))
    bits = {row["name"]: row["bits"] for row in found["layers"]}
    assert (bits["a/affine"], bits["b/affine"], bits["c/affine"]) == (4, 3, 8)


@pytest.mark.parametrize(
    ("run", "said"),
    [("pruned", "has no quantizers"), ("nothing", "there is no"), ("net.nnp", "not a run folder")],
)
def test_what_can_not_be_diagnosed_is_refused(made, capsys, run, said):
    assert verb("diagnose", made / run) == 1
    error = capsys.readouterr().err
    assert said in error or "is no run folder" in error, error
    assert "internal error" not in error
