# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Pruning an .nnp file from the shell."""

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
    path = tmp_path_factory.mktemp("prune")
    nn.clear_parameters()
    rng = np.random.RandomState(0)
    x = nn.Variable((1, 1, 6, 6))
    h = PF.convolution(x, 8, (3, 3), pad=(1, 1), with_bias=False, name="conv1")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="conv1"))
    y = F.softmax(PF.affine(F.max_pooling(h, (2, 2)), 3, name="fc"))
    contents = {"name": "main", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(path / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    images, labels = rng.rand(60, 1, 6, 6).astype(np.float32), rng.randint(0, 3, 60)
    np.savez(
        path / "data.npz", x_train=images, y_train=labels, x_test=images[:20], y_test=labels[:20]
    )
    return path


def decided(output, name):
    return json.loads((output / "steps" / f"{name}.json").read_text())["decided"]


def test_half_of_the_channels_go_and_the_files_get_smaller(folder, tmp_path):
    out = tmp_path / "out"
    result = call_here("prune", "net.nnp", "--filters", "50%", "-o", out, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert len(decided(out, "01-prune_channels")["remove"]["conv1/conv"]) == 4
    sizes = [(out / f"{name}.nnp").stat().st_size for name in ("float", "results")]
    assert sizes[1] < sizes[0]
    assert result.stderr.count("4 of 8 channels go; of the operations 50.0% are left") == 1


def test_with_data_it_ranks_estimates_and_trains(folder, tmp_path):
    out = tmp_path / "out"
    ranked = ("--macs", "0.6", "--importance", "taylor:samples=20", "--statistics", "30")
    trained = ("--data", "data.npz", "-e", "1", "-b", "8", "--distill", "-o", out)
    result = call_here("prune", "net.nnp", *ranked, *trained, cwd=folder)
    assert result.returncode == 0, result.stderr
    macs = decided(out, "01-prune_channels")["macs"]
    assert macs[1] <= 0.6 * macs[0]
    assert decided(out, "02-statistics") == {"normalizations": 1, "samples": 30}
    assert (out / "steps" / "03-train.json").exists()


def test_what_was_refitted_comes_back_when_a_run_goes_on(folder, tmp_path):
    out = tmp_path / "out"
    options = ("--macs", "0.6", "--importance", "reconstruction:samples=20", "--across", "savings")
    words = (*options, "--reconstruct", "40", "--data", "data.npz", "-o", out)
    result = call_here("prune", "net.nnp", *words, cwd=folder)
    assert result.returncode == 0, result.stderr
    before = (out / "results.nnp").read_bytes()
    for name in ("results.nnp", "results.json"):
        (out / name).unlink()
    result = call_here("prune", "net.nnp", *words, "--resume", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert (out / "results.nnp").read_bytes() == before


def test_channels_are_ranked_by_chip_in_a_run(folder, tmp_path):
    out = tmp_path / "out"
    words = ("--filters", "50%", "--importance", "chip:samples=40,perturbations=4")
    result = call_here("prune", "net.nnp", *words, "--data", "data.npz", "-o", out, cwd=folder)
    assert result.returncode == 0, result.stderr
    assert len(decided(out, "01-prune_channels")["remove"]["conv1/conv"]) == 4


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--filters", "50%", "--importance", "apoz"], "--importance needs data"),
        (["--macs", "0.01"], "the least that can be reached is"),
        (["--filters", "50%", "--layers", "fc*"], "no layer that can be pruned matches"),
        (["--filters", "2"], "filters is 2, it is the fraction that goes"),
        (["--nm", "2:64"], "no chosen layer has a multiple of 64 input channels"),
    ],
)
def test_what_can_not_be_done_is_one_message(folder, tmp_path, arguments, message):
    out = tmp_path / "out"
    refused(call_here("prune", "net.nnp", *arguments, "-o", out, cwd=folder), message)
    assert not out.exists()


def test_what_is_refused_leaves_no_folder_of_runs(folder, tmp_path):
    refused(call_here("prune", folder / "net.nnp", "--macs", "0.01", cwd=tmp_path), "the least")
    assert list(tmp_path.iterdir()) == []


def test_a_training_without_training_samples_is_refused_before_anything_is_written(
    folder, tmp_path
):
    with np.load(folder / "data.npz") as file:
        np.savez(tmp_path / "test.npz", x_test=file["x_test"], y_test=file["y_test"])
    words = ("--filters", "50%", "--data", tmp_path / "test.npz", "--epochs", "1")
    result = call_here("prune", folder / "net.nnp", *words, "-o", tmp_path / "out", cwd=tmp_path)
    refused(result, "has no train set")
    assert not (tmp_path / "out").exists()
