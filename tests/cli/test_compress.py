# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Compressing an .nnp file from the shell, without its training script."""

from __future__ import annotations

import json
from pathlib import Path

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.save import save

from nnabla_compress.cli import main
from nnabla_compress.errors import ConfigError
from nnabla_compress.exporters import export_nnp
from nnabla_compress.models import NnpFile
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs import Run, evaluate_run, export_run
from tests.cli.shell import call_here, refused
from tests.recipes.quick import recipe_of


def network(x, test):
    h = PF.convolution(x, 8, (3, 3), pad=(1, 1), with_bias=False, name="conv1")
    h = F.relu(PF.batch_normalization(h, batch_stat=not test, name="conv1"))
    h = F.max_pooling(h, (2, 2))
    return F.softmax(PF.affine(h, 3, name="fc"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """An .nnp file and data that a network can learn: which third of the map is bright."""
    path = tmp_path_factory.mktemp("compress")
    nn.clear_parameters()
    x = nn.Variable((4, 1, 6, 6))
    contents = {"name": "main", "batch_size": 4, "outputs": {"y": network(x, True)}}
    save(str(path / "net.nnp"), {"networks": [{**contents, "names": {"x": x}}], "executors": []})
    nn.clear_parameters()
    rng = np.random.RandomState(0)
    for split, rows in (("train", 240), ("test", 60)):
        y = rng.randint(0, 3, rows)
        images = rng.randint(0, 60, (rows, 1, 6, 6))
        for image, label in zip(images, y):
            image[0, 2 * label : 2 * label + 2] += 120
        np.savez(path / f"{split}.npz", x=images.astype(np.uint8), y=y)
    train, test = (np.load(path / f"{split}.npz") for split in ("train", "test"))
    np.savez(
        path / "data.npz",
        x_train=train["x"], y_train=train["y"], x_test=test["x"], y_test=test["y"],
    )  # fmt: skip
    for split, arrays in (("train", train), ("test", test)):
        lines = ["x:image,y:label"]
        for number, (image, label) in enumerate(zip(arrays["x"], arrays["y"])):
            np.save(path / f"{split}{number}.npy", image.astype(np.float32) / 255)
            lines.append(f"{split}{number}.npy,{label}")
        (path / f"{split}.csv").write_text("\n".join(lines) + "\n")
    return path


def silent(name, total):
    return lambda *now: None


def run(folder: Path, output: Path, resume: bool = False, **options: object):
    recipe, _ = recipe_of(Path("net.nnp"), **options)
    return Run(recipe, output, folder, resume).execute(silent).as_dict()


def test_a_file_is_compressed_without_data_and_without_training(folder, tmp_path):
    out = tmp_path / "out"
    result = call_here("compress", folder / "net.nnp", "-w", "lut:bits=2", "-o", out, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "no accuracy: the run has no data" in result.stdout
    assert "conv1/conv" in result.stdout and "written to" in result.stdout
    results = json.loads((out / "results.json").read_text())
    assert [row["distinct"] for row in results["layers"]] == [4, 4]
    assert "accuracy" not in results["float"]
    loaded = NnpFile(out / "results.nnp").build()
    loaded.output.forward()
    kept = Recipe.read(out / "recipe.yaml")
    assert kept.data is None and kept.compression.weights[0].make().bits == 2


def test_what_is_computed_for_nothing_is_taken_out_alone_or_before_the_rest(folder, tmp_path):
    network = NnpFile(folder / "net.nnp").build()
    for path, axis in (("conv1/conv/W", 0), ("conv1/bn/beta", 1)):
        np.moveaxis(network.parameters[path].d, axis, 0)[[0, 3, 5]] = 0
    export_nnp(tmp_path / "net.nnp", network.output, network.all_inputs[0])
    said = call_here("inspect", "net.nnp", cwd=tmp_path).stdout
    assert "3 of 8 output channels zero" in said and "--shrink" in said
    result = call_here("compress", "net.nnp", "--shrink", "-o", "out", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    said = (result.stdout + result.stderr).splitlines()
    line = "shrink: takes out channels that are computed for nothing: 3 of conv1/conv"
    assert said.count(line) == 1
    smaller = NnpFile(tmp_path / "out/results.nnp").build()
    assert smaller.parameters["conv1/conv/W"].shape == (5, 1, 3, 3)
    results = json.loads((tmp_path / "out/results.json").read_text())
    assert results["compressed"]["nnb_bytes"] < 0.8 * results["float"]["nnb_bytes"]
    assert results["recipe_steps"][0]["remove"] == {"conv1/conv": [0, 3, 5]}
    verified = call_here("verify", "out", "-n", "4", cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr
    result = call_here(
        "compress", "net.nnp", "--shrink", "-w", "lut:bits=2", "-o", "both", cwd=tmp_path
    )
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "both/results.json").read_text())["layers"]
    assert [(row["shape"], row["distinct"]) for row in rows] == [([5, 1, 3, 3], 4), ([45, 3], 4)]
    refused(
        call_here("compress", "net.nnp", "--shrink", "--epochs", "1", "-o", "no", cwd=tmp_path),
        "--epochs is for what is quantized, and --shrink alone quantizes nothing",
    )


def test_a_run_without_data_exports_again_and_says_that_it_can_not_be_scored(folder, tmp_path):
    run(folder, tmp_path / "out", weights=["lut:bits=2"])
    exported = export_run(tmp_path / "out", tmp_path / "again")
    report, paths = exported.report, exported.paths
    assert [row.bits for row in report.rows] == [2, 2]
    assert all(path.exists() for path in paths)
    outputs = []
    for path in (tmp_path / "out" / "results.nnp", paths[0]):
        loaded = NnpFile(path).build()
        loaded.inputs["x"].d = np.linspace(-1, 1, 36).reshape(1, 1, 6, 6)
        loaded.output.forward()
        outputs.append(np.array(loaded.output.d))
    np.testing.assert_array_equal(*outputs)
    refused(call_here("evaluate", tmp_path / "out", cwd=tmp_path), "names no data")


def test_a_refused_run_leaves_the_folder_to_a_corrected_one(folder, tmp_path):
    (tmp_path / "kept").mkdir()
    for name in ("new", "kept"):
        with pytest.raises(ConfigError, match="no layer matches"):
            run(folder, tmp_path / name, weights=["fd*=lut:bits=2"])
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert list((tmp_path / "kept").iterdir()) == []
    run(folder, tmp_path / "kept", weights=["fc*=lut:bits=2"])
    with pytest.raises(ConfigError, match="holds a run already"):
        run(folder, tmp_path / "kept", weights=["fc*=lut:bits=2"])
    assert (tmp_path / "kept" / "recipe.yaml").exists()


def test_activations_take_their_ranges_from_a_batch_of_the_data(folder, tmp_path):
    results = run(
        folder, tmp_path / "out", weights=["lut:bits=8"], activations=["uniform:bits=8"],
        data="data.npz", scale="1/255",
    )  # fmt: skip
    (row,) = [row for row in results["quantizers"] if row["kind"] == "activation"]
    assert row["bits"] == 8 and np.isfinite(row["step"]) and row["step"] > 0
    assert results["float"]["samples"] == 60
    assert "training" not in results
    assert evaluate_run(tmp_path / "out").accuracy == results["compressed"]["accuracy"]


@pytest.mark.parametrize("fold", ["after", "before"])
def test_a_file_is_fine_tuned_and_resumes_to_the_same_results(folder, tmp_path, fold):
    options = dict(
        weights=["lut:bits=2", "fc*=lut:bits=4"], activations=["uniform:bits=6"], fold=fold,
        data="data.npz", scale="1/255", epochs=8, batch_size=16, learning_rate=0.05,
    )  # fmt: skip
    results = run(folder, tmp_path / "out", **options)
    assert results["compressed"]["accuracy"] > max(0.8, results["float"]["accuracy"])
    assert [row["bits"] for row in results["layers"]] == [2, 4]
    assert evaluate_run(tmp_path / "out").loss == results["compressed"]["loss"]
    for name in ("results.json", "compressed.h5", "results.nnp"):
        (tmp_path / "out" / name).unlink()
    assert run(folder, tmp_path / "out", resume=True, **options) == results


def test_distillation_alone_brings_the_network_back_to_the_float_one(folder, tmp_path):
    common = dict(data="data.npz", scale="1/255", batch_size=16, learning_rate=0.05)
    run(folder, tmp_path / "taught", weights=["lut:bits=8"], epochs=6, **common)
    recipe, _ = recipe_of(
        tmp_path / "taught" / "results.nnp", weights=["lut:bits=2"], epochs=4,
        distill="temperature=2,weight=1", **common,
    )  # fmt: skip
    results = Run(recipe, tmp_path / "out", folder).execute(silent).as_dict()
    assert results["float"]["accuracy"] > 0.8
    assert results["compressed"]["accuracy"] >= results["float"]["accuracy"] - 0.1
    (tmp_path / "out" / "compressed.h5").unlink()
    again = Run(recipe, tmp_path / "out", folder, resume=True)
    assert again.execute(silent).as_dict() == results


def test_csv_files_and_a_recipe_give_the_same_data(folder, tmp_path):
    common = ["-w", "lut:bits=4", "--no-nnb"]
    words = ["compress", folder / "net.nnp", *common, "-d", "train.csv,test.csv", "-o"]
    by_csv = call_here(*words, tmp_path / "csv", cwd=folder)
    assert by_csv.returncode == 0, by_csv.stderr
    (folder / "recipe.yaml").write_text(
        "name: other\nmodel: {name: mlp}\ndata: {source: npz, path: data.npz}\n"
        "preprocessing: {scale: 0.00392156862745098}\nfloat_training: {epochs: 1}\n"
    )
    words = ["compress", folder / "net.nnp", *common, "--recipe-data", folder / "recipe.yaml", "-o"]
    by_recipe = call_here(*words, tmp_path / "recipe", cwd=tmp_path)
    assert by_recipe.returncode == 0, by_recipe.stderr
    first, second = (
        json.loads((tmp_path / name / "results.json").read_text()) for name in ("csv", "recipe")
    )
    for part in ("float", "compressed"):
        assert first[part]["accuracy"] == second[part]["accuracy"]
        assert abs(first[part]["loss"] - second[part]["loss"]) < 1e-5
    assert f"{100 * first['compressed']['accuracy']:.2f} %" in by_csv.stdout


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["nothing.nnp", "-w", "lut:bits=4"], ["nothing.nnp"]),
        (["data.npz", "-w", "lut:bits=4"], ["data.npz"]),
        (["net.nnp", "-w", "fd*=lut:bits=4"], ["no layer matches 'fd*'", "fc/affine"]),
        (["net.nnp", "-w", "lut:bits=4", "-d", "nothing.npz"], ["nothing.npz"]),
        (["net.nnp", "-w", "lut:bits=4", "-d", "digits"], ["(1, 8, 8)"]),
        (["net.nnp", "-w", "lut:bits=4", "--network", "other"], ["no network 'other'", "main"]),
        (["net.nnp", "-a", "uniform:bits=8"], ["--activations needs data"]),
    ],
)
def test_what_can_not_be_compressed_is_refused_in_one_message(
    folder, tmp_path, monkeypatch, capsys, arguments, words
):
    monkeypatch.chdir(folder)
    with pytest.raises(SystemExit) as left:
        main(["compress", *arguments, "-o", str(tmp_path / "out")])
    printed = capsys.readouterr().err
    assert left.value.code == 1
    assert "internal error" not in printed and "help: " in printed
    for word in words:
        assert word in printed


def test_help_shows_a_command_to_start_from():
    shown = call_here("compress", "--help", cwd=Path.cwd()).stdout
    assert "nnabla-compress compress net.nnp --weights lut:bits=4 -o out" in shown
