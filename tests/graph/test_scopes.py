# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Quantizers beside weights and biases of any name."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress import compress
from nnabla_compress.analysis import layers
from nnabla_compress.exporters import export_nnp
from nnabla_compress.graph.constants import beside
from nnabla_compress.graph.scopes import usable_scope
from nnabla_compress.models import NnpFile
from nnabla_compress.report.learned import learned_rows
from nnabla_compress.transforms import remove_quantizers
from tests.graph.networks import forward, values
from tests.models.others import parameter

NAMES = [
    ("fc.weight", "fc.bias", "g.weight", "g.bias"),
    ("W", "b", "10", "11"),
    ("net/kernel", "net/bias", "net/kernel2", "net/bias2"),
    ("my weights", "my bias", "x/W", "other/b"),
    ("a/W", "a/b", "c/W", "c/b"),
]


def network(names):
    x = nn.Variable.from_numpy_array(values(2, 6))
    w1, b1, w2, b2 = names
    h = F.relu(F.affine(x, parameter(w1, 6, 8), parameter(b1, 8)))
    return x, F.affine(h, parameter(w2, 8, 3), parameter(b2, 3))


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
@pytest.mark.parametrize("rule", ["lut:bits=4", "uniform:bits=4", "affine:bits=8", "pow2:bits=4"])
def test_a_weight_of_any_name_is_quantized_and_the_float_network_is_found_again(names, rule):
    x, y = network(names)
    expected = forward(y)
    z = compress(y, {"weights": rule, "activations": "uniform:bits=8"})
    forward(z)
    found = layers([z])
    assert [layer.weight_name for layer in found] == [names[0], names[2]]
    assert all(layer.quantizer.info.args["name"] == layer.name for layer in found)
    np.testing.assert_array_equal(forward(remove_quantizers([z])[0]), expected)


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
def test_weights_and_biases_have_quantizers_of_their_own(names):
    x, y = network(names)
    z = compress(y, {"weights": "uniform:bits=4,bias=true"})
    forward(z)
    rows = learned_rows([z])
    assert sorted(row["kind"] for row in rows) == ["bias", "bias", "weight", "weight"]
    assert sorted(row["elements"] for row in rows) == [3, 8, 24, 48]


@pytest.mark.parametrize("names", NAMES, ids=lambda names: names[0])
def test_parameters_are_saved_read_back_and_exported_under_their_names(names, tmp_path):
    x, y = network(names)
    z = compress(y, "lut:bits=2")
    expected = forward(z)
    nn.save_parameters(str(tmp_path / "kept.h5"))
    report = export_nnp(tmp_path / "net.nnp", z, x, batch_size=2)
    assert [row.bits for row in report.rows] == [2, 2]
    again = NnpFile(tmp_path / "net.nnp").build(x=x).output
    np.testing.assert_allclose(forward(again), expected, atol=1e-6)
    nn.clear_parameters()
    nn.load_parameters(str(tmp_path / "kept.h5"))
    x2, y2 = network(names)
    np.testing.assert_array_equal(forward(compress(y2, "lut:bits=2")), expected)


def test_a_part_of_a_scope_that_is_a_parameter_gets_an_ending():
    parameter("w", 2)
    parameter("w_q", 2)
    assert usable_scope("w/relu") == "w_q_q/relu" and usable_scope("v/relu") == "v/relu"


def test_what_is_added_to_two_layers_of_one_scope_does_not_get_one_name():
    assert beside("conv1.weight", "b") != beside("conv2.weight", "b")
    assert beside("rnn/kernel_0", "b") != beside("rnn/kernel_1", "b")
    assert beside("c/W", "b") == "c/b"
