# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Factorizing an .nnp file from the shell, and what other verbs make of the result."""

from __future__ import annotations

import json

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from tests.cli.shell import call_here, refused


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("factorize")
    nn.clear_parameters()
    rng = np.random.RandomState(0)
    x = nn.Variable((1, 1, 8, 8))
    h = PF.convolution(x, 8, (3, 3), pad=(1, 1), with_bias=False, name="conv1")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="conv1"))
    h = F.relu(PF.convolution(F.max_pooling(h, (2, 2)), 12, (3, 3), name="conv2"))
    y = F.softmax(PF.affine(h, 3, name="fc"))
    contents = {"name": "main", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(path / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    images, labels = rng.rand(60, 1, 8, 8).astype(np.float32), rng.randint(0, 3, 60)
    np.savez(
        path / "data.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20]
    )
    return path


def decided(output, name="01-factorize"):
    return json.loads((output / "steps" / f"{name}.json").read_text())["decided"]


@pytest.fixture(scope="module")
def factorized(folder):
    out = folder / "factorized"
    arguments = ("-m", "spatial", "--macs", "60%", "-o", out)
    result = call_here("factorize", "net.nnp", *arguments, cwd=folder)
    assert result.returncode == 0, result.stderr
    return out, result


def test_without_data_the_network_gets_smaller(factorized):
    out, result = factorized
    macs = decided(out)["macs"]
    assert macs[1] <= 0.6 * macs[0]
    assert result.stderr.count("factorize: operations") == 1
    results = json.loads((out / "results.json").read_text())
    assert results["compressed"]["nnb_bytes"] < results["float"]["nnb_bytes"]


@pytest.mark.parametrize(
    "verb, arguments",
    [
        ("compress", ("-w", "lut:bits=4", "-o", "compressed")),
        ("inspect", ()),
        pytest.param(
            "ptq",
            ("--data", "data.npz", "-n", "20", "--no-rounding", "-o", "calibrated"),
            marks=pytest.mark.long,
        ),
    ],
)
def test_other_verbs_take_the_smaller_network(factorized, folder, verb, arguments):
    out, _ = factorized
    result = call_here(verb, out / "results.nnp", *arguments, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "conv2/conv/vertical" in result.stdout


@pytest.mark.long
def test_its_files_compute_the_same_as_the_network(factorized, folder):
    result = call_here("verify", factorized[0], cwd=folder)
    assert result.returncode == 0, result.stderr


def test_with_data_it_measures_fits_and_trains(folder, tmp_path):
    out = tmp_path / "out"
    how = ("-m", "channel", "-m", "tucker", "--macs", "0.7", "--samples", "8")
    trained = ("--data", "data.npz", "-e", "1", "-b", "8", "--distill", "-o", out)
    result = call_here("factorize", "net.nnp", *how, *trained, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert (out / "steps" / "02-train.json").exists()
    assert json.loads((out / "results.json").read_text())["compressed"]["samples"] == 20


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "nothing says which ranks"),
        (["--macs", "0.001"], "the least reachable is"),
        (["--macs", "60%", "--energy", "0.9"], "energy and macs exclude each other"),
        (["--ranks", "conv2*=100"], "the rank 100 of conv2/conv is out of range"),
        (["--ranks", "conv9*=4"], "no layer matches 'conv9*'"),
        (["--ranks", "many"], "--ranks 'many' has no whole numbers"),
        (["--energy", "most"], "--energy is 'most', not a part of something"),
        (["-m", "svd", "--layers", "conv*", "--macs", "0.6"], "least reachable is"),
        (["--macs", "60%", "--epochs", "1"], "--epochs needs data"),
        (["--macs", "60%", "--distill"], "--distill is for a training"),
    ],
)
def test_what_can_not_be_done_is_one_message(folder, tmp_path, arguments, message):
    out = tmp_path / "out"
    refused(call_here("factorize", "net.nnp", *arguments, "-o", out, cwd=folder), message)
    assert not out.exists()


def test_a_file_of_floats_that_grew_is_not_said_to_hold_codes(folder, tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 6))
    contents = {"name": "n", "batch_size": 1, "outputs": {"y": PF.affine(x, 4)}, "names": {"x": x}}
    save(str(tmp_path / "tiny.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    result = call_here("factorize", "tiny.nnp", "--macs", "0.8", "-o", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    sizes = [(tmp_path / "out" / name).stat().st_size for name in ("float.nnp", "results.nnp")]
    assert sizes[0] < sizes[1]
    assert "codes" not in result.stdout
