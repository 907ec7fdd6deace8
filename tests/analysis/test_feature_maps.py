# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which tensors get quantizers: those that a device stores, each once."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import pytest

from nnabla_compress.analysis import activations, stored_maps


def convolution(x, name, maps=4):
    return PF.convolution(x, maps, (3, 3), pad=(1, 1), name=name)


def end(h):
    return PF.affine(h, 3, name="fc")


NETWORKS = {
    "behind the activation function": (
        lambda x: end(F.relu(convolution(x, "a"))),
        ["input", "a/conv/relu"],
    ),
    "not again behind pooling and padding": (
        lambda x: end(F.max_pooling(F.pad(F.relu(convolution(x, "a")), (1, 1)), (2, 2))),
        ["input", "a/conv/relu"],
    ),
    "again behind an average": (
        lambda x: end(F.average_pooling(F.relu(convolution(x, "a")), (2, 2))),
        ["input", "a/conv/relu", "a/conv/averagepooling"],
    ),
    "a pad with another value": (
        lambda x: end(F.pad(F.relu(convolution(x, "a")), (1, 1), "constant", 0.3)),
        ["input", "a/conv/relu", "a/conv/pad"],
    ),
    "both summands and the sum": (
        lambda x: end(F.relu(F.add2(convolution(F.relu(convolution(x, "a")), "b"), x))),
        ["input", "a/conv/relu", "b/conv/convolution", "b/conv/relu"],
    ),
    "an output that is read again": (
        lambda x: end(F.concatenate(*[F.relu(convolution(x, n)) for n in "ab"])),
        ["input", "a/conv/relu", "b/conv/relu", "b/conv/concatenate"],
    ),
    "nothing behind the last layer": (lambda x: F.softmax(end(x) * 2), ["input"]),
    "a scale of one's own before the function": (
        lambda x: end(F.relu(convolution(x, "a") * 0.5)),
        ["input", "a/conv/relu"],
    ),
    "an unused output": (
        lambda x: end(F.relu(F.split(convolution(x, "a"), axis=1)[1])),
        ["input", "a/conv/convolution"],
    ),
    "no layer at all": (lambda x: F.relu(x), []),
    "numbers of classes stay": (
        lambda x: end(F.relu(F.one_hot(F.reshape(x, (-1, 1)), (9,)))),
        ["input/relu"],
    ),
    "row numbers stay": (
        lambda x: end(F.relu(PF.embed(F.reshape(x, (1, -1)), 9, 2))),
        ["embed/embed", "embed/relu"][1:],
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_tensors_are_chosen(name):
    build, expected = NETWORKS[name]
    x = nn.Variable((1, 4, 8, 8))
    assert [found.name for found in stored_maps([build(x)], [x])] == expected


def test_a_split_ends_in_one_quantizer_for_its_source():
    x = nn.Variable((1, 4, 8, 8))
    a, b = F.split(F.reshape(F.relu(convolution(x, "a")), (1, 2, -1)), axis=1)
    found = stored_maps([end(a), PF.affine(b, 2, name="g")], [x])
    assert [each.name for each in found] == ["input", "a/conv/relu"]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_map_has_one_name_whoever_asks(name):
    build, _ = NETWORKS[name]
    x = nn.Variable((1, 4, 8, 8))
    outputs = [build(x)]
    names = {found.variable: found.name for found in activations(outputs)}
    for found in stored_maps(outputs, [x]):
        assert names.get(found.variable, found.name) == found.name
