# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Post-training quantization from the shell."""

from __future__ import annotations

import json
import shutil

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.calibration import PostTrainingSettings
from nnabla_compress.cli.ptq import _rules
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.models import NnpFile
from nnabla_compress.nnb import read_nnb
from nnabla_compress.recipes.quick import network_recipe
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.runs import evaluate_run, export_run
from nnabla_compress.runs.ptq import run_ptq
from nnabla_compress.runs.verified import verify_run
from nnabla_compress.verification import verify_files
from tests.cli.shell import call_here


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A network that knows which third of the map is bright, and data: with labels and without."""
    path = tmp_path_factory.mktemp("ptq")
    nn.clear_parameters()
    x = nn.Variable((4, 1, 6, 6))
    h = PF.convolution(x, 6, (3, 3), pad=(1, 1), with_bias=False, name="conv1")
    h = F.relu(PF.batch_normalization(h, batch_stat=False, name="conv1"))
    y = F.softmax(PF.affine(F.average_pooling(h, (2, 6)), 3, name="fc"))
    parameters = nn.get_parameters()
    parameters["conv1/conv/W"].d = np.random.RandomState(0).rand(6, 1, 3, 3) * 0.2
    parameters["fc/affine/W"].d = np.kron(np.ones((6, 1)), np.eye(3))
    contents = {"name": "main", "batch_size": 4, "outputs": {"y": y}, "names": {"x": x}}
    save(str(path / "net.nnp"), {"networks": [contents], "executors": []})
    nn.clear_parameters()
    rng = np.random.RandomState(0)
    labels = rng.randint(0, 3, 120)
    images = rng.randint(0, 80, (120, 1, 6, 6))
    for image, label in zip(images, labels):
        image[0, 2 * label : 2 * label + 2] += 30
    images = images.astype(np.uint8)
    np.savez(path / "test.npz", x=images, y=labels)
    np.savez(path / "unlabelled.npz", x=images[:80])
    bad = images[:8].astype(np.float32)
    bad[3] = np.nan
    np.savez(path / "nan.npz", x=bad)
    np.savez(path / "shape.npz", x=images[:8, :, :5])
    return path


def test_a_file_is_quantized_with_unlabelled_samples_scored_and_exported(folder, tmp_path):
    out = tmp_path / "out"
    result = call_here(
        "ptq", folder / "net.nnp", "-d", folder / "unlabelled.npz", "--scale", "1/255", "--bits",
        "4", "--evaluate", folder / "test.npz", "-o", out, cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "learned rounding" in result.stdout and "output SNR, dB" in result.stdout
    results = json.loads((out / "results.json").read_text())
    assert results["calibration_samples"] == 80
    assert [row["bits"] for row in results["layers"]] == [4, 4]
    assert results["float"]["samples"] == 120 and results["float"]["accuracy"] > 0.8
    assert abs(results["compressed"]["accuracy"] - results["float"]["accuracy"]) < 0.1
    assert {q["bits"] for q in results["quantizers"] if q["kind"] == "activation"} == {8}
    loaded = NnpFile(out / "results.nnp").build()
    loaded.output.forward()
    assert loaded.ends_in == "Softmax" and (out / "results.nnb").exists()
    with pytest.raises(ConfigError, match="holds a run already"):
        run(folder, out, "unlabelled.npz")
    assert evaluate_run(out).accuracy == results["compressed"]["accuracy"]


@pytest.fixture(scope="module")
def quantized(folder):
    """A finished folder: 4 bits, calibrated on 50 of 120 samples with labels, the others scored."""
    results = run(
        folder, folder / "run", "test.npz", samples=50, scored=True, weights=("affine:bits=4",)
    )
    return folder / "run", results


def test_a_folder_opens_with_the_network_and_the_samples_that_were_scored(quantized):
    out, results = quantized
    score = evaluate_run(out)
    assert score.samples == 70
    assert score.accuracy == results.compressed.accuracy
    assert score.loss == pytest.approx(results.compressed.loss, rel=1e-6)
    assert evaluate_run(out, "train").samples == 50
    found = verify_run(out, count=20)
    assert found.kept and found.count == 20 and "graph" in found.accuracies


@pytest.mark.parametrize(
    "maps", [("none",), ("conv1*=none", "affine:bits=8,symmetric=false")], ids=str
)
def test_a_folder_with_maps_that_stay_floats_opens_again(folder, tmp_path, maps):
    results = run(folder, tmp_path / "out", "test.npz", 50, True, activations=maps)
    assert {row["kind"] for row in results.quantizers} >= {"weight"}
    assert evaluate_run(tmp_path / "out").loss == pytest.approx(results.compressed.loss, rel=1e-6)


@pytest.mark.parametrize("target", ["int8", "int16", "integer", "callback"])
def test_a_folder_is_exported_for_other_targets_on_its_own_data(quantized, tmp_path, target):
    out, _ = quantized
    made = export_run(out, tmp_path, target)
    assert made.report.target == target and made.paths[0].name == "net.nnp"
    assert verify_files(tmp_path / "net.nnp", tmp_path / "net.nnb", count=20).kept


def test_a_network_with_relu6_opens_with_the_bounds_that_equalization_gave_it(folder, tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 1, 6, 6))
    h = F.relu6(PF.convolution(x, 6, (3, 3), name="c1"))
    h = F.relu6(PF.convolution(h, 6, (1, 1), name="c2"))
    y = PF.affine(h, 3, name="fc")
    nn.get_parameters()["c1/conv/W"].d *= 4.0 ** np.arange(-3, 3).reshape(6, 1, 1, 1)
    contents = {"name": "main", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    shutil.copy(folder / "test.npz", tmp_path)
    results = run(tmp_path, tmp_path / "out", "test.npz", 50, True, per_channel=False)
    kept = {step["step"].split(",")[0]: step["kept"] for step in results.steps}
    opened = json.loads((tmp_path / "out" / "steps" / "01-calibrate.json").read_text())["decided"]
    assert opened["channel_clips"] == kept["cross-layer equalization"]
    assert evaluate_run(tmp_path / "out").loss == pytest.approx(results.compressed.loss, rel=1e-6)


def test_a_folder_whose_parameters_do_not_fit_is_refused(quantized, tmp_path):
    out = shutil.copytree(quantized[0], tmp_path / "out")
    nn.clear_parameters()
    nn.parameter.get_parameter_or_create("other/W", (2,))
    nn.save_parameters(str(out / "steps" / "01-calibrate.h5"))
    with pytest.raises(DataError, match="lacks conv1/conv/W"):
        evaluate_run(out)
    (out / "steps" / "01-calibrate.json").write_text("{")
    with pytest.raises(DataError, match="can't read"):
        evaluate_run(out)


def test_without_labels_the_float_network_answers(folder, tmp_path):
    results = run(folder, tmp_path / "out", "unlabelled.npz", samples=40, scored=True)
    assert results.targets.startswith("the float network's answers")
    assert results.float.accuracy == 1.0 and results.float.samples == 40
    score = evaluate_run(tmp_path / "out")
    assert score.accuracy_name == "agreement with the float network"
    assert score.accuracy == results.compressed.accuracy > 0.8


def test_weights_need_no_data(folder, tmp_path):
    result = call_here(
        "ptq", folder / "net.nnp", "-w", "lut:bits=3", "--no-nnb", "-o", "o", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    assert "only weights are quantized" in result.stderr
    results = json.loads((tmp_path / "o" / "results.json").read_text())
    assert [row["quantizer"] for row in results["layers"]] == ["LUT", "LUT"]
    assert all("output_snr" not in step for step in results["steps"])
    assert "accuracy" not in results["float"]


def run(folder, output, data, samples=512, scored=False, **settings):
    described = DataOptions(str(folder / data), scale="1/255")
    recipe, _ = network_recipe(folder / "net.nnp", described)
    return run_ptq(
        recipe, folder, output, PostTrainingSettings(**settings), samples,
        recipe if scored else None,
    )  # fmt: skip


def test_samples_that_calibration_took_are_not_scored_on(folder, tmp_path):
    results = run(folder, tmp_path / "out", "test.npz", samples=50, scored=True)
    assert results.calibration_samples == 50
    assert results.float.samples == results.compressed.samples == 70
    with pytest.raises(DataError, match="calibration takes all samples"):
        run(folder, tmp_path / "all", "test.npz", scored=True)
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize(
    "data, message",
    [("nan.npz", "NaN or infinite"), ("shape.npz", r"\(1, 6, 6\)"), ("none.npz", "none.npz")],
)
def test_bad_samples_are_refused(folder, tmp_path, data, message):
    with pytest.raises((ConfigError, DataError), match=message):
        run(folder, tmp_path / "out", data)


def test_the_callers_parameters_stay(folder, tmp_path):
    nn.parameter.get_parameter_or_create("conv1/conv/W", (2,), np.ones(2))
    run(folder, tmp_path / "out", "unlabelled.npz")
    assert list(nn.get_parameters(grad_only=False)) == ["conv1/conv/W"]


def test_options_become_rules():
    assert _rules(None, None, False, (), (), True) == (
        ("affine:bits=8",),
        ("affine:bits=8,symmetric=false",),
    )
    assert _rules(4, 16, False, (), (), True)[1] == ("affine:bits=16,symmetric=false",)
    assert _rules(4, None, False, (), (), False) == (("affine:bits=4",), None)
    assert _rules(None, None, True, ("lut:bits=4",), (), True) == (("lut:bits=4",), None)


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((4, None, False, ("lut:bits=4",), (), True), "--bits and --weights"),
        ((None, 8, False, (), ("affine:bits=8",), True), "--act-bits and --activations"),
        ((None, 8, True, (), (), True), "--weights-only and --act-bits"),
        ((None, 8, False, (), (), False), "come from data, and there is none"),
    ],
)
def test_options_that_contradict_each_other_are_refused(arguments, message):
    with pytest.raises(ConfigError, match=message):
        _rules(*arguments)


def test_notes_sizes_and_kernels_are_those_of_every_export(folder, tmp_path):
    result = call_here(
        "ptq", folder / "net.nnp", "-d", folder / "unlabelled.npz", "--scale", "1/255",
        "-t", "callback", "--c", "-o", "out", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    out = tmp_path / "out"
    assert (out / "packed_kernels.c").is_file() and (out / "results_main.c").is_file()
    assert "RAM: " in result.stdout and "flash: " in result.stdout and "overhead" in result.stdout
    results = json.loads((out / "results.json").read_text())
    assert results["compressed"]["buffer_bytes"] > 0
    assert not (out / "float.c").exists()


def test_the_float_file_is_float_whatever_the_target(folder, tmp_path):
    result = call_here(
        "ptq", folder / "net.nnp", "-d", folder / "unlabelled.npz", "--scale", "1/255",
        "-t", "int8", "-o", "out", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "NOTE: on 64 samples the .nnb differs by" in " ".join(result.stderr.split())
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert "the .nnb differs" in results["compressed"]["notes"][-1]
    floats, integers = (read_nnb(tmp_path / "out" / f"{x}.nnb") for x in ("float", "results"))
    assert {variable.type for variable in floats.variables} == {"FLOAT32"}
    assert "FIXED8" in {variable.type for variable in integers.variables}
    assert results["float"]["nnb_bytes"] > results["compressed"]["nnb_bytes"]


def test_a_network_that_the_target_gets_wrong_leaves_nothing(folder, tmp_path):
    nn.clear_parameters()
    x = nn.Variable((1, 1, 6, 6))
    y = PF.affine(F.relu(PF.affine(x, 8, name="tiny")), 3, name="fc")
    nn.get_parameters()["tiny/affine/W"].d *= 1e-6
    contents = {"name": "main", "batch_size": 1, "outputs": {"y": y}, "names": {"x": x}}
    save(str(tmp_path / "net.nnp"), {"networks": [contents], "executors": []})
    result = call_here(
        "ptq", "net.nnp", "-d", folder / "unlabelled.npz", "--scale", "1/255", "-t", "int8",
        "-o", "out", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 1 and "too small for the integers" in result.stderr
    assert not (tmp_path / "out").exists()
