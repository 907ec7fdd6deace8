# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Networks that others made, through inspect, compress without training, and export."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from nnabla_compress.cli.compress import command as compress
from nnabla_compress.cli.evaluate import command as evaluate
from nnabla_compress.cli.export import command as export
from nnabla_compress.cli.inspect import command as inspect
from nnabla_compress.cli.prune import command as prune
from nnabla_compress.cli.verify import command as verify
from nnabla_compress.inspection import summary
from tests.transforms.native import write_native

# Layers of the network that infers.
FILES = {
    "models/mlperf_tiny_kws_dscnn": 10,
    "models/resnet20_cifar10": 20,
    "nnp/MizunagiKB_gd_nnabla-model_simple": 2,
    "nnp/goofmint_NNC_CLI_DEMO-result": 2,
    "nnp/sony_nnabla-lenet_010000": 4,
}


def _data():
    if "NNABLA_COMPRESS_DATA" not in os.environ:
        pytest.skip("NNABLA_COMPRESS_DATA is not set")
    return Path(os.environ["NNABLA_COMPRESS_DATA"])


def _run(command, *words):
    result = CliRunner().invoke(command, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_each_file_of_the_folder_is_in_the_list():
    root = _data()
    found = {str(path.relative_to(root))[:-4] for path in root.rglob("*.nnp")}
    assert found == set(FILES)


@pytest.mark.long
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_inspected_compressed_without_training_and_exported(name, tmp_path):
    path = _data() / f"{name}.nnp"
    found = json.loads(_run(inspect, path, "--json"))
    assert found["failures"] == {} and all(network["layers"] for network in found["networks"])
    _run(compress, path, "--weights", "lut:bits=4", "-o", tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [row["bits"] for row in results["layers"]] == [4] * FILES[name]
    packed, plain = (results["compressed"][f"{kind}_weight_bytes"] for kind in ("packed", "float"))
    assert packed < plain / 4
    _run(export, tmp_path / "run", "-o", tmp_path / "exported", "-b", "2")
    (exported,) = (tmp_path / "exported").glob("*.nnp")
    (network,) = summary(exported).networks
    assert len(network.layers) == FILES[name]
    assert all(layer.weights.quantizer == "LUT" for layer in network.layers)
    assert all(layer.distinct <= 16 for layer in network.layers)


def test_quantizers_of_maps_in_a_file_are_converted_from_the_command_line(tmp_path):
    write_native(tmp_path / "net.nnp", "min max maps")
    _run(compress, tmp_path / "net.nnp", "--convert", "affine", "-o", tmp_path / "run")
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [row["quantizer"] for row in results["layers"]] == ["", ""]
    _run(verify, tmp_path / "run", "-n", 4)


def test_a_pruned_file_gets_quantizers_of_ours_from_the_command_line(tmp_path):
    write_native(tmp_path / "net.nnp", "fixed point")
    options = ["--filters", "50%", "--convert", "uniform", "-o", tmp_path / "run"]
    _run(prune, tmp_path / "net.nnp", *options)
    results = json.loads((tmp_path / "run" / "results.json").read_text())
    assert [row["quantizer"] for row in results["layers"]] == ["Uniform", "Uniform"]


@pytest.mark.parametrize("name", ["binary weight", "inq", "min max"])
def test_a_file_of_nnablas_own_quantizers_goes_through_each_verb(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x, expected = write_native(tmp_path / "net.nnp", name)
    data = tmp_path / "data.npz"
    np.savez(data, x=x, y=expected.argmax(1)[:, None])
    assert json.loads(_run(inspect, tmp_path / "net.nnp", "--json"))["failures"] == {}
    _run(verify, tmp_path / "net.nnp", "-n", 4)
    assert "accuracy 100.00 %" in _run(evaluate, tmp_path / "net.nnp", "--data", data)
    _run(export, tmp_path / "net.nnp", "-o", tmp_path / "out")
    assert "accuracy 100.00 %" in _run(evaluate, tmp_path / "out" / "net.nnb", "--data", data)
    _run(compress, tmp_path / "net.nnp", "-w", "c1*=lut:bits=4", "-o", tmp_path / "run")
    (network,) = summary(tmp_path / "run" / "results.nnp").networks
    assert [str(layer.weights).split()[0] != "float" for layer in network.layers] == [True, True]
    _run(compress, tmp_path / "net.nnp", "-w", "c1*=lut:bits=4", "--convert", "affine", "-o", "mix")
    results = json.loads(Path("mix/results.json").read_text())
    assert [row["quantizer"] for row in results["layers"]] == ["LUT", "AffineQuantizer"]
    assert "accuracy 100.00 %" in _run(evaluate, "mix/results.nnp", "--data", data)
