# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's own command line on an exported file with packed weights."""

from __future__ import annotations

import csv
import subprocess
import sys

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from nnabla.utils.load import load

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.quantizers import LUT, Uniform
from tests.graph.networks import forward, values

ROWS = 3


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A file with weights in several schemes, its inputs and what it must answer."""
    nn.clear_parameters()
    folder = tmp_path_factory.mktemp("cli")
    x = nn.Variable.from_numpy_array(values(ROWS, 8, 6, 6))
    h = F.relu(PF.convolution(x, 32, (3, 3), apply_w=LUT(bits=4), name="c"))
    h = F.relu(PF.convolution(h, 32, (3, 3), apply_w=Uniform(bits=3), name="d"))
    y = F.softmax(PF.affine(h, 10, apply_w=Uniform(bits=8), name="f"))
    export_nnp(folder / "net.nnp", {"y": y}, {"x": x})
    return folder, np.array(x.d), forward(y)


def nnabla_cli(folder, *arguments):
    command = [sys.executable, "-m", "nnabla.utils.cli.cli", *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_infer(packed):
    folder, x, expected = packed
    x[0].astype(np.float32).tofile(folder / "x.bin")
    nnabla_cli(folder, "infer", "-c", "net.nnp", "-o", "out", "-b", 1, "x.bin")
    (written,) = folder.glob("out*.bin")
    np.testing.assert_allclose(np.fromfile(written, np.float32), expected[0], atol=1e-6)


def test_forward_with_a_data_set(packed):
    folder, x, expected = packed
    with open(folder / "data.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["x"])
        for row in range(ROWS):
            np.save(folder / f"x{row}.npy", x[row])
            writer.writerow([f"x{row}.npy"])
    (folder / "result").mkdir()
    nnabla_cli(folder, "forward", "-c", "net.nnp", "-d", "data.csv", "-o", "result")
    with open(folder / "result" / "output_result.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == ROWS
    keys = [key for key in rows[0] if key.startswith("y")]
    got = [[float(row[key]) for key in keys] for row in rows]
    if len(keys) == 1:  # written as a file for each row
        got = [np.loadtxt(folder / "result" / row[keys[0]], delimiter=",").ravel() for row in rows]
    np.testing.assert_allclose(got, expected, atol=1e-6)


def test_convert_gives_what_our_converter_gives(packed):
    folder, _, _ = packed
    options = ["-d", "nnb_3", "--nnp-no-expand-network", "--api", 44, "-b", 1]
    nnabla_cli(folder, "convert", *options, "-s", "net.settings.yaml", "net.nnp", "own.nnb")
    ours = export_nnb(folder / "ours.nnb", folder / "net.nnp", compact=False)
    assert (folder / "own.nnb").read_bytes() == ours.read_bytes()


def test_dump(packed):
    folder, _, _ = packed
    printed = nnabla_cli(folder, "dump", "net.nnp")
    assert "Validation" in printed and "Runtime" in printed


def test_the_executor_names_inputs_and_outputs_as_the_console_does(packed):
    folder, _, _ = packed
    with nn.parameter_scope("console"):
        info = load([str(folder / "net.nnp")], batch_size=1)
    executor = info.executors["Runtime"]
    assert list(executor.dataset_assign.values()) == ["x"]
    assert [name for _, name in executor.output_assign.values()] == ["y"]
    assert executor.network.name == "Validation"
