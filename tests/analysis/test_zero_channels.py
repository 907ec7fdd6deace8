# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.analysis.zero_channels import zero_channels
from nnabla_compress.quantizers import Prune


def weight(name):
    return nn.get_parameters()[name]


def by_layer(y):
    return {found.layer: found for found in zero_channels([y])}


def two_layers():
    h = PF.convolution(nn.Variable((1, 3, 8, 8)), 8, (3, 3), name="c")
    h = F.max_pooling(F.relu(h), (2, 2))
    return PF.affine(h, 5, name="f")


def test_a_network_without_zero_channels_has_none():
    assert zero_channels([two_layers()]) == []


def test_an_output_channel_of_zeros_goes_with_all_that_reads_it():
    y = two_layers()
    weight("c/conv/W").d[[1, 6]] = 0
    found = by_layer(y)
    c, f = found["c/conv"], found["f/affine"]
    assert (c.zero, c.outputs, c.unread) == (2, 8, 0)
    assert c.weights == 2 * 27 and c.macs == 2 * 27 * 36
    assert (f.zero, f.unread) == (0, 0) and f.weights == 2 * 9 * 5 == f.macs
    assert f.bytes == 4 * f.weights


def test_inputs_that_are_never_read_go_with_what_computes_them():
    y = two_layers()
    weight("f/affine/W").d.reshape(8, 9, 5)[3] = 0
    found = by_layer(y)
    assert found["f/affine"].unread == 9 and found["c/conv"].zero == 0
    assert found["c/conv"].weights == 27


def test_a_normalization_that_scales_by_zero_makes_a_zero_channel():
    h = PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), with_bias=False, name="c")
    y = F.relu(PF.batch_normalization(h, batch_stat=False, name="n"))
    weight("n/bn/gamma").d = np.float32([1, 0, 1, 0]).reshape(1, 4, 1, 1)
    assert by_layer(y)["c/conv"].zero == 2


def test_channels_that_others_read_too_are_left_to_them():
    x = nn.Variable((1, 4, 8, 8))
    h = F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="c"))
    y = F.add2(h, PF.convolution(h, 4, (3, 3), pad=(1, 1), name="d"))
    weight("c/conv/W").d[0] = 0
    found = by_layer(y)
    assert set(found) == {"c/conv"} and found["c/conv"].weights == 0
    assert found["c/conv"].stays == "the network's output has them"


def test_depthwise_layers_follow_their_input():
    x = nn.Variable((1, 3, 8, 8))
    h = F.relu(PF.convolution(x, 4, (1, 1), name="c"))
    h = F.relu(PF.depthwise_convolution(h, (3, 3), name="d"))
    y = PF.convolution(h, 2, (1, 1), name="e")
    weight("c/conv/W").d[2] = 0
    found = by_layer(y)
    assert found["d/depthwise_conv"].weights == 9
    assert found["e/conv"].weights == 2


def test_quantized_weights_are_looked_at_as_they_are_quantized():
    x = nn.Variable((1, 4))
    y = PF.affine(x, 3, apply_w=Prune(0.5), name="f")
    values = np.random.RandomState(0).randn(4, 3).astype(np.float32)
    values[:, 1] *= 1e-6
    values[2] *= 1e-6
    weight("f/affine/W").d = values
    found = by_layer(y)["f/affine"]
    assert (found.zero, found.unread) == (1, 1)
    assert found.weights == 0 and found.stays == "the network's output has them"


def test_grouped_convolutions_count_their_inputs_by_group():
    x = nn.Variable((1, 4, 5, 5))
    y = PF.convolution(x, 4, (3, 3), group=2, name="c")
    weight("c/conv/W").d[2:, 1] = 0
    found = by_layer(y)["c/conv"]
    assert (found.unread, found.inputs) == (1, 4)


def test_of_very_many_channels_it_is_only_counted_what_each_layer_has(monkeypatch):
    y = two_layers()
    weight("c/conv/W").d[[1, 4]] = 0
    monkeypatch.setattr("nnabla_compress.analysis.zero_channels._MOST", 50)
    assert {found.layer: found.weights for found in zero_channels([y])} == {"c/conv": 0}
    monkeypatch.setattr("nnabla_compress.analysis.zero_channels._MOST", 1000)
    assert set(by_layer(y)) == {"c/conv", "f/affine"}


def test_a_million_channels_are_not_looked_at_one_by_one(monkeypatch):
    monkeypatch.delattr("nnabla_compress.analysis.zero_channels.Couplings")
    w = nn.Variable.from_numpy_array(np.zeros((1, 1_000_000), np.float32))
    (found,) = zero_channels([F.affine(nn.Variable((1, 1)), w)], {"fc/W": w})
    assert (found.zero, found.weights) == (1_000_000, 0)
    assert found.stays == "of 1,000,001 channels only shrink works out which can go"
