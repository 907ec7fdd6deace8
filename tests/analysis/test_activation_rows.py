# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Activations in a rewritten network, in the report of its export and in the file are the same."""

from __future__ import annotations

import json
import zipfile

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress import compress
from nnabla_compress.analysis.activation_rows import activation_rows
from nnabla_compress.exporters import export_nnp
from nnabla_compress.inspection import summary
from nnabla_compress.quantizers import Uniform
from tests.graph.networks import forward, values


@pytest.fixture
def network():
    """Inputs, a rewritten network that has seen a batch: three kinds of encodings and a float."""
    x = nn.Variable.from_numpy_array(values(4, 3, 6, 6))
    with nn.parameter_scope("input"):
        h = Uniform(8, initial_step=0.25)(x)
    h = F.relu(PF.convolution(h, 4, (3, 3), name="c"))
    h = F.tanh(PF.convolution(h, 4, (3, 3), name="d"))
    h = F.leaky_relu(PF.affine(h, 5, name="e"))
    rules = ["uniform:bits=4,initial_step=0.125", "*tanh=pow2:bits=4", "*leakyrelu=none"]
    y = compress(PF.affine(h, 3, name="f"), {"weights": "lut:bits=2", "activations": rules})
    forward(y)
    return x, y


def test_each_activation_has_a_row_with_its_range(network):
    x, y = network
    rows = activation_rows([y], [x])
    assert [(row.name, str(row.encoding), row.bytes) for row in rows] == [
        ("input", "Uniform 8 bit", 108),
        ("c/conv/relu", "Uniform 4 bit", 32),
        ("d/conv/tanh", "Pow2 4 bit", 8),
        ("e/affine/leakyrelu", "float", 20),
    ]
    relu = rows[1].encoding
    assert (relu.step, relu.low, relu.high) == (0.125, 0.0, 1.875)
    assert rows[3].encoding.step is None


def test_a_file_tells_what_the_rewritten_network_does(network, tmp_path):
    x, y = network
    rows = activation_rows([y], [x])
    export_nnp(tmp_path / "net.nnp", y, x)
    nn.clear_parameters()
    (found,) = summary(tmp_path / "net.nnp").networks
    assert found.activations == rows
    assert found.costs.activation_bytes == sum(row.bytes for row in rows)
    assert [str(layer.input) for layer in found.layers] == [
        *("Uniform 8 bit", "Uniform 4 bit", "Pow2 4 bit", "float"),
    ]
    # What scales the codes is no pre-processing.
    assert found.preprocessing == ()


def test_a_quantizer_that_has_seen_no_batch_has_bits_but_no_range():
    h = F.relu(PF.affine(nn.Variable((1, 8)), 4, name="fc"))
    with nn.parameter_scope("a"):
        (row,) = activation_rows([Uniform(4, signed=False)(h)])
    assert (row.encoding.bits, row.encoding.step, row.encoding.range) == (4, None, "")


def test_the_report_and_the_notes_in_the_file_hold_the_rows(network, tmp_path):
    x, y = network
    report = export_nnp(tmp_path / "net.nnp", y, x)
    with zipfile.ZipFile(tmp_path / "net.nnp") as archive:
        noted = json.loads(archive.read("nnabla_compress.json"))
    assert noted["activations"] == report.as_dict()["activations"]
    assert [row["bits"] for row in noted["activations"]] == [8, 4, 4, 32]
    assert noted["activations"][2]["low"] == -noted["activations"][2]["high"]
