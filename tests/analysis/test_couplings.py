# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which channels go together, and why others stay."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.couplings import couplings
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import leaves
from nnabla_compress.models.resnet_cifar import resnet_cifar
from nnabla_compress.transforms import remove_channels
from tests.analysis.channels import conv


def groups_of(make, shape=(2, 3, 8, 8)):
    """The groups of a network between a convolution of 8 filters and a last layer."""
    h = make(conv(nn.Variable(shape), 8, "a"))
    return {group.name: group for group in couplings(PF.affine(h, 5, name="last"))}


def members(group):
    return {(member.layer, member.role, member.axis) for member in group.members}


def test_a_residual_network_has_nine_inner_groups_and_three_streams():
    """DepGraph's groups of ResNet-20 with shortcuts of option A, which cut the streams apart."""
    groups = couplings(resnet_cifar(nn.Variable((1, 3, 32, 32)), 10, test=True))
    inner = [group for group in groups if group.inner]
    streams = [group for group in groups if not group.inner and group.kept is None]
    blocks = [f"layer{stage}/block{block}" for stage in (1, 2, 3) for block in range(3)]
    assert [group.name for group in inner] == [f"{block}/conv1/conv" for block in blocks]
    assert [group.size for group in inner] == [16] * 3 + [32] * 3 + [64] * 3
    for group, block in zip(inner, blocks):
        assert members(group) == {
            (f"{block}/conv1/conv", "output", 0),
            (f"{block}/bn1/bn", "shift", 1),
            (f"{block}/bn1/bn", "scale", 1),
            (f"{block}/bn1/bn", "statistics", 1),
            (f"{block}/conv2/conv", "input", 1),
        }
    assert [(group.name, group.size) for group in streams] == [
        ("conv1/conv", 16),
        ("layer2/block0/conv2/conv", 32),
        ("layer3/block0/conv2/conv", 64),
    ]
    assert streams[0].makers == ("conv1/conv", *(f"layer1/block{n}/conv2/conv" for n in range(3)))
    readers = [[m.layer for m in group.members if m.role == "input"] for group in streams]
    assert readers == [
        [*(f"layer1/block{n}/conv1/conv" for n in range(3)), "layer2/block0/conv1/conv"],
        [*(f"layer2/block{n}/conv1/conv" for n in (1, 2)), "layer3/block0/conv1/conv"],
        [*(f"layer3/block{n}/conv1/conv" for n in (1, 2)), "fc/affine"],
    ]
    assert [group.name for group in groups if group.kept] == ["fc/affine"]


def test_where_a_channel_stands_follows_it_through_concatenations_and_flat_maps():
    groups = groups_of(lambda h: F.concatenate(conv(h, 4, "b"), F.max_pooling(h, (1, 1)), axis=1))
    (last,) = [m for m in groups["a/conv"].members if m.layer == "last/affine"]
    assert last.where[0] == tuple(range(4 * 64, 5 * 64))
    (last,) = [m for m in groups["b/conv"].members if m.layer == "last/affine"]
    assert last.where[3] == tuple(range(3 * 64, 4 * 64))


def test_channels_of_groups_and_rows_go_in_as_many_places():
    groups = groups_of(lambda h: conv(h, 6, "b", group=2))
    assert groups["a/conv"].size == 4 and groups["b/conv"].size == 3
    output, shift, read = groups["a/conv"].members
    assert (output.where[1], shift.where[1], read.where[1]) == ((1, 5), (1, 5), (1,))


def test_channels_that_are_read_differently_are_groups_of_their_own():
    def build(h):
        first, second = (
            F.slice(h, (start, 0, 0), (start + 4, 8, 8), (1, 1, 1)) for start in (0, 4)
        )
        return F.concatenate(conv(first, 2, "b"), second, axis=1)

    groups = groups_of(build)
    assert list(groups) == ["a/conv", "a/conv#2", "b/conv", "last/affine"]
    assert [m.layer for m in groups["a/conv"].members if m.role == "input"] == ["b/conv"]
    assert groups["a/conv#2"].members[0].where == ((4,), (5,), (6,), (7,))


@pytest.mark.parametrize(
    "make, why",
    [
        (lambda h: F.softmax(h, axis=1), "Softmax behind a/conv does not keep channels apart"),
        (lambda h: F.mean(h, (1,)), "Mean behind a/conv does not keep channels apart"),
        (
            lambda h: PF.layer_normalization(h, name="n"),
            "LayerNormalization behind a/conv does not keep channels apart",
        ),
        (
            lambda h: PF.group_normalization(h, 2, name="n"),
            "GroupNormalization behind a/conv does not keep channels apart",
        ),
        (
            lambda h: F.concatenate(*F.split(h, axis=1), axis=1),
            "Split behind a/conv takes them apart one by one",
        ),
        (
            lambda h: h + F.tile(F.mean(h.parent.inputs[0], (1,), keepdims=True), (1, 8, 1, 1)),
            "Add2 behind a/conv adds the network's input",
        ),
        (
            lambda h: F.max_pooling(F.transpose(h, (0, 2, 3, 1)), (2, 2)),
            "MaxPooling behind a/conv does not keep channels apart",
        ),
        (
            lambda h: h * F.mean(h.parent.inputs[1], (0, 1, 2, 3), keepdims=True),
            "Mean before the first layer does not keep channels apart",
        ),
        (
            lambda h: F.pad(h, (2, 2, 0, 0, 0, 0), mode="reflect"),
            "Pad behind a/conv does not keep channels apart",
        ),
    ],
)
def test_a_channel_that_can_not_go_says_what_holds_it(make, why):
    group = groups_of(make)["a/conv"]
    assert group.kept == why and not group.inner


def test_outputs_and_inputs_of_the_network_are_fixed():
    x = nn.Variable((1, 4))
    h = PF.affine(x, 4, name="a")
    first, last = couplings([PF.affine(F.relu(h), 3, name="b"), h])
    assert (first.kept, last.kept) == (
        "the network's output y1 has them",
        "the network's output y0 has them",
    )
    (only,) = couplings(PF.depthwise_convolution(conv(nn.Variable((1, 2, 8, 8)), 2, "a"), (3, 3)))
    assert only.kept == "the network's output y has them"


def test_recurrent_layers_that_keep_their_weights_to_themselves_are_named():
    x = nn.Variable((4, 2, 3))
    h = PF.affine(x, 3, base_axis=2, name="a")
    y, _ = PF.gru(h, F.constant(0, (1, 1, 2, 5)), name="g")[:2]
    group = couplings(PF.affine(y, 2, name="last"))[0]
    assert group.kept == "GRU behind a/affine does not keep channels apart"


def test_rows_of_a_table_stay_and_its_columns_are_channels():
    ids = nn.Variable((2, 5))
    y = PF.affine(F.relu(PF.embed(ids, 20, 6, name="e")), 3, base_axis=2, name="last")
    (table, last) = couplings(y)
    assert (table.name, table.size, table.kept) == ("e/embed", 6, None)
    assert [(m.role, m.axis) for m in table.members] == [("output", 1), ("input", 0)]


def test_constants_without_a_name_get_one_each():
    x = nn.Variable((1, 3, 8, 8))
    h = conv(x, 4, "a")
    for factor in (2, 3):
        h = h * nn.Variable.from_numpy_array(np.full((1, 4, 1, 1), factor, np.float32))
    network = Network({"x": x}, {"y": PF.affine(h, 5, name="last")})
    paths = [member.parameter for member in couplings(network)[0].members]
    assert len(set(paths)) == len(paths) == 5
    smaller = remove_channels(network, {"a/conv": [1]})
    assert sorted(v.shape for v in leaves([smaller.output]) if v.shape[:1] == (1,))[0] == (
        1,
        3,
        1,
        1,
    )
