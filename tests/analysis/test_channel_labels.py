# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Labels of entries, function by function."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.channel_labels import ChannelLabels
from nnabla_compress.analysis.channel_rules import pad_of_axis, slice_of_axis


def labels_of(make):
    """Roots along the axes of what a function makes of a map of 4 channels, numbered from 0."""
    x = nn.Variable((2, 3, 6, 6))
    h = PF.convolution(x, 4, (3, 3), pad=(1, 1), name="a")
    y = make(h)
    labels = ChannelLabels([F.sink(y)], [x])
    names = {}
    for n, root in enumerate(labels.roots(labels.of(h)[1]).tolist()):
        names.setdefault(root, n)
    return {
        axis: [names.get(root) for root in labels.roots(of).tolist()]
        for axis, of in labels.of(y).items()
    }


@pytest.mark.parametrize(
    "make, expected",
    [
        (F.relu, {1: [0, 1, 2, 3]}),
        (lambda h: F.reshape(h, (2, 144)), {1: [n for n in range(4) for _ in range(36)]}),
        (lambda h: F.reshape(h, (2, 4, 36)), {1: [0, 1, 2, 3]}),
        (lambda h: F.reshape(h, (2, 2, 2, 36)), {2: [0, 1]}),
        (lambda h: F.reshape(h, (8, 36)), {0: [0, 1, 2, 3] * 2}),
        (lambda h: F.transpose(h, (0, 2, 3, 1)), {3: [0, 1, 2, 3]}),
        (lambda h: F.concatenate(h, h, axis=1), {1: [0, 1, 2, 3] * 2}),
        (lambda h: F.concatenate(h, h, axis=2), {1: [0, 1, 2, 3]}),
        (lambda h: F.stack(h, h, axis=1), {2: [0, 1, 2, 3]}),
        (lambda h: F.split(h, axis=2)[1], {1: [0, 1, 2, 3]}),
        (lambda h: F.slice(h, (1, 0, 0), (4, 6, 6), (2, 1, 1)), {1: [1, 3]}),
        (lambda h: F.slice(h, (-1, 0, 0), (-5, 6, 6), (-1, 1, 1)), {1: [3, 2, 1, 0]}),
        (lambda h: F.tile(h, (1, 2, 1, 1)), {1: [0, 1, 2, 3] * 2}),
        (lambda h: F.flip(h, [1, 3]), {1: [3, 2, 1, 0]}),
        (lambda h: F.crelu(h), {1: [0, 1, 2, 3] * 2}),
        (lambda h: F.pad(h, (1, 1, 2, 2)), {1: [0, 1, 2, 3]}),
        (lambda h: F.pad(h, (1, 2, 0, 0, 0, 0)), {1: [None] * 7}),
        (lambda h: F.sum(h, (2, 3)), {1: [0, 1, 2, 3]}),
        (lambda h: F.max(h, (0, 2)), {0: [0, 1, 2, 3]}),
        (lambda h: F.interpolate(h, output_size=(3, 3)), {1: [0, 1, 2, 3]}),
        (lambda h: F.softmax(h, axis=1), {}),
    ],
)
def test_labels_go_where_entries_go(make, expected):
    assert labels_of(make) == expected


def test_what_is_read_and_made_by_one_weight_is_the_same_channel():
    x = nn.Variable((1, 3, 4, 4))
    h = PF.convolution(x, 4, (1, 1), name="a")
    y = PF.convolution(h, 4, (1, 1), group=2, name="b")
    labels = ChannelLabels([y], [x])
    read, weight = labels.of(h)[1], labels.of(y.parent.inputs[1])[1]
    roots = labels.roots(read)
    assert roots[0] == roots[2] != roots[1] == roots[3]
    np.testing.assert_array_equal(labels.roots(weight), roots[:2])


def test_bounds_of_an_axis_are_read_from_the_last_axes_that_are_named():
    x = nn.Variable((2, 4, 6, 6))
    cut = F.slice(x, (1, 0, 2), (3, 6, 5), (1, 1, 1)).parent
    assert [slice_of_axis(cut, axis) for axis in (0, 1, 3)] == [
        slice(None),
        slice(1, 3, 1),
        slice(2, 5, 1),
    ]
    padded = F.pad(x, (1, 2, 0, 3)).parent
    assert [pad_of_axis(padded, axis) for axis in range(4)] == [(0, 0), (0, 0), (1, 2), (0, 3)]
