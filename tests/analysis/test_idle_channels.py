# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels that a network can do without, and why others stay."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.analysis.couplings import Couplings, as_network
from nnabla_compress.analysis.idle_channels import idle_channels


def value(name):
    return nn.get_parameters(grad_only=False)[name].d


def conv(h, maps, name, size=3, **options):
    return PF.convolution(h, maps, (size, size), name=name, **options)


def idle(y):
    return idle_channels(Couplings(as_network(y)))


def left(found):
    return [
        (each.group, each.channels, each.why) for each in found.left if "output" not in each.why
    ]


def test_what_is_zero_goes_and_so_does_what_only_it_reads():
    h = F.relu(conv(nn.Variable((1, 2, 9, 9)), 4, "a"))
    h = F.relu(conv(h, 5, "b"))
    y = conv(h, 3, "c")
    value("c/conv/W")[:, 1] = 0  # b's channel 1 is never read
    value("b/conv/W")[[0, 2, 3, 4], 3] = 0  # only that one reads a's channel 3
    value("a/conv/W")[0] = 0  # a's channel 0 is zero
    found = idle(y)
    assert found.remove == {"a/conv": [0, 3], "b/conv": [1]} and not found.shifts


def test_a_constant_becomes_the_bias_of_what_reads_it():
    h = F.relu(conv(nn.Variable((1, 2, 9, 9)), 3, "a"))
    y = conv(h, 2, "b")
    value("a/conv/W")[1] = 0
    value("a/conv/b")[1] = 0.5
    found = idle(y)
    assert found.remove == {"a/conv": [1]}
    np.testing.assert_allclose(
        found.shifts["b/conv"], 0.5 * value("b/conv/W")[:, 1].sum((1, 2)), rtol=1e-5
    )


def test_a_constant_that_meets_padding_stays_and_a_zero_goes():
    h = F.relu(conv(nn.Variable((1, 2, 9, 9)), 4, "a"))
    y = conv(h, 2, "b", pad=(1, 1))
    value("a/conv/W")[1:3] = 0
    value("a/conv/b")[1:3] = [0.5, -0.5]  # the second one is zero behind the ReLU
    found = idle(y)
    assert found.remove == {"a/conv": [2]} and not found.shifts
    why = "b/conv pads them with zeros, so its bias can't take them over"
    assert left(found) == [("a/conv", (1,), why)]


def test_a_flat_map_with_padding_before_it_is_a_constant_of_each_position():
    h = conv(nn.Variable((1, 2, 4, 4)), 3, "a")
    h = F.average_pooling(F.relu(h), (3, 3), stride=(1, 1), pad=(1, 1))
    y = PF.affine(h, 2, name="b")
    value("a/conv/W")[1] = 0
    value("a/conv/b")[1] = 1
    found = idle(y)
    assert found.remove == {"a/conv": [1]} and list(found.shifts) == ["b/affine"]


def test_channels_of_a_residual_sum_go_if_all_that_is_added_is_constant():
    def build():
        nn.clear_parameters()
        h = conv(nn.Variable((1, 3, 8, 8)), 4, "a", pad=(1, 1))
        h = F.relu(h + conv(F.relu(h), 4, "b", pad=(1, 1)))
        return conv(h, 2, "c")

    y = build()
    value("b/conv/W")[0] = 0
    found = idle(y)
    assert found.remove == {}
    assert left(found) == [("a/conv", (0,), "what they are added to is not constant")]
    y = build()
    value("b/conv/W")[0] = 0
    value("a/conv/W")[0] = 0
    assert idle(y).remove == {"a/conv": [0]}


def test_a_weight_that_others_compute_reads_channels_too():
    h = F.relu(conv(nn.Variable((1, 2, 9, 9)), 3, "a"))
    y = conv(h, 2, "b", apply_w=lambda w: PF.weight_normalization(w))
    assert idle(y).remove == {}
    value("b/conv/W")[:, 2] = 0
    assert idle(y).remove == {"a/conv": [2]}


def test_a_layer_keeps_one_channel_though_all_are_zero():
    h = F.relu(conv(nn.Variable((1, 3, 8, 8)), 4, "a"))
    y = conv(h, 2, "b")
    value("a/conv/W")[:] = 0
    assert len(idle(y).remove["a/conv"]) == 3


def test_a_shared_bias_takes_nothing_over():
    x = nn.Variable((1, 4))
    h = PF.affine(x, 4, name="a")
    value("a/affine/W")[:, 2] = 0
    value("a/affine/b")[2] = 3
    y = PF.affine(h, 4, name="b")
    y = PF.affine(y, 4, name="b")
    found = idle(PF.affine(y, 2, name="c"))
    assert found.remove == {} and left(found)[0][2] == "the bias of b/affine can't take them over"


def test_depthwise_layers_and_scales_of_zero_hand_zeros_on():
    h = conv(nn.Variable((1, 3, 8, 8)), 4, "a", with_bias=False)
    h = PF.batch_normalization(h, batch_stat=False, name="a")
    h = PF.depthwise_convolution(F.relu(h), (3, 3), pad=(1, 1), name="d")
    y = conv(F.relu(h), 2, "b", size=1)
    value("a/bn/gamma")[0, 1] = 0
    value("d/depthwise_conv/W")[2] = 0
    assert idle(y).remove == {"a/conv": [1, 2]}


def test_zeros_beside_a_shortcut_leave_what_it_hands_on():
    h = F.relu(conv(nn.Variable((1, 3, 8, 8)), 3, "a", pad=(1, 1)))
    wide = conv(h, 7, "b", pad=(1, 1))
    y = conv(F.relu(wide + F.pad(h, (2, 2, 0, 0, 0, 0))), 2, "c")
    value("b/conv/W")[:, 0] = 0  # b does not read a's channel 0, the sum does
    assert idle(y).remove == {}
    value("c/conv/W")[:, 2] = 0  # now nobody reads it there
    assert idle(y).remove == {"a/conv": [0], "b/conv": [2]}


def test_positions_that_a_layer_made_are_no_channels_of_a_convolution():
    # Maps of another size are layers along height and width, as an exported Interpolate is.
    x = nn.Variable((1, 1, 8, 8))
    large = F.relu(conv(x, 4, "a", pad=(1, 1)))
    small = F.relu(conv(x, 1, "b", pad=(1, 1), stride=(2, 2)))
    wide = PF.affine(small, 8, base_axis=3, with_bias=False, name="wide")
    turned = F.transpose(wide, (0, 1, 3, 2))
    high = PF.affine(turned, 8, base_axis=3, with_bias=False, name="high")
    h = F.concatenate(large, F.transpose(high, (0, 1, 3, 2)), axis=1)
    h = F.concatenate(h, F.relu(conv(x, 5, "c", pad=(1, 1))), axis=1)
    y = conv(F.relu(conv(h, 4, "d", size=1)), 2, "e")
    value("d/conv/W")[:, 5] = 0  # the first channel of c is never read
    assert idle(y).remove == {"c/conv": [0]}
