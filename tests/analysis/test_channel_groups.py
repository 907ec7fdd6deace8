# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which layers must have equally many filters, function by function."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

import nnabla_compress.functions as CF
from nnabla_compress.analysis.channel_groups import ChannelGroups
from nnabla_compress.models.resnet_cifar import resnet_cifar


def conv(h, maps, name, **options):
    return PF.convolution(h, maps, (3, 3), pad=(1, 1), name=name, **options)


def members(build, shape=(2, 3, 8, 8)):
    """The groups of a network between a first convolution a and a last layer."""
    x = nn.Variable(shape)
    h = build(conv(x, 8, "a"))
    groups = ChannelGroups([PF.affine(h, 5, name="last")], [x])
    return [[name.split("/")[0] for name in names] for names in groups.members()]


def input_of(h):
    """A map of one channel, from the input of the layer that gave h."""
    return F.mean(h.parent.inputs[0], (1,), keepdims=True)


# What leaves the filters of the layer before as free as they were.
APART = {
    "normalization": lambda h: PF.batch_normalization(h, name="n"),
    "activation": lambda h: F.relu6(F.leaky_relu(h)),
    "parametric relu": lambda h: PF.prelu(h, shared=False, name="p"),
    "pooling": lambda h: F.max_pooling(F.average_pooling(h, (2, 2)), (2, 2)),
    "global pooling": lambda h: F.global_average_pooling(h),
    "padding of the map": lambda h: F.pad(h, (1, 1, 1, 1), "constant"),
    "padding of channels": lambda h: F.pad(h, (2, 2, 0, 0, 0, 0)),
    "flat": lambda h: F.reshape(h, (2, -1)),
    "flat in two steps": lambda h: F.reshape(F.reshape(h, (2, 8, 64)), (2, 512)),
    "turned": lambda h: F.transpose(h, (0, 2, 3, 1)),
    "cut": lambda h: F.slice(h, (0, 0, 1, 1), (2, 8, 7, 7), (1, 1, 1, 1)),
    "mean of the map": lambda h: F.mean(h, (2, 3)),
    "mean that keeps axes": lambda h: F.mean(h, (2, 3), keepdims=True),
    "dropout": F.dropout,
    "quantized gradient": lambda h: CF.quantized_gradient(h, bits=4),
    "depthwise": lambda h: PF.depthwise_convolution(h, (3, 3), name="d"),
    "scalar": lambda h: 2 * h + 1,
    "gate of all channels": lambda h: h * F.sigmoid(F.mean(h, (2, 3), keepdims=True)),
}
# What leaves it no other number of filters.
MIXED = {
    "softmax over channels": lambda h: F.softmax(h, axis=1),
    "mean of channels": lambda h: F.mean(h, (1,), keepdims=True),
    "sorted channels": lambda h: F.sort(h, axis=1),
    "half of the channels": lambda h: F.slice(h, (0, 0, 0, 0), (2, 4, 8, 8), (1, 1, 1, 1)),
    "shuffled": lambda h: F.reshape(h, (2, 2, 4, 8, 8)),
    "depthwise that multiplies": lambda h: PF.depthwise_convolution(
        h, (3, 3), multiplier=2, name="d"
    ),
    "added to what is made of the input": lambda h: h + F.tile(input_of(h), (1, 8, 1, 1)),
}


@pytest.mark.parametrize("between", sorted(APART))
def test_functions_that_keep_channels_apart_leave_them_free(between):
    assert members(APART[between]) == [["a"]]


@pytest.mark.parametrize("between", sorted(MIXED))
def test_functions_that_mix_channels_fix_them(between):
    assert members(MIXED[between]) == []


def test_maps_that_are_added_have_as_many_channels():
    assert members(lambda h: F.relu(conv(h, 8, "b") + h)) == [["a", "b"]]


def test_maps_side_by_side_stay_apart_also_behind_a_flat_map():
    assert members(lambda h: F.concatenate(h, conv(h, 4, "b"), axis=1)) == [["a"], ["b"]]


def test_sums_of_differently_joined_maps_are_fixed():
    def build(h):
        two = F.concatenate(conv(h, 4, "b"), conv(h, 4, "c"), axis=1)
        return two + h

    assert members(build) == []


def test_layers_that_share_a_weight_have_one_group():
    assert members(lambda h: conv(conv(h, 8, "b"), 8, "b")) == [["a", "b"]]


def test_a_weight_that_is_read_otherwise_too_is_fixed():
    def build(h):
        h = conv(h, 8, "b")
        weight = h.parent.inputs[1]
        return h * F.mean(weight, (0, 1, 2, 3), keepdims=True)

    assert members(build) == []


def test_grouped_convolutions_keep_their_groups():
    assert members(lambda h: conv(h, 8, "b", group=2)) == [["a"], ["b"]]
    two = members(lambda h: conv(F.concatenate(h, conv(h, 8, "c"), axis=1), 8, "d", group=2))
    assert two == [["d"]]


def test_a_residual_network_has_a_group_for_all_that_its_shortcuts_join():
    x = nn.Variable((1, 3, 32, 32))
    groups = ChannelGroups([resnet_cifar(x, 10, test=True)], [x]).members()
    joined = max(groups, key=len)
    assert {"conv1/conv", "layer1/block0/conv2/conv", "layer3/block2/conv2/conv"} <= set(joined)
    assert ["layer1/block0/conv1/conv"] in groups
    assert sum(map(len, groups)) == 19
