# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Equalization leaves the function alone and makes the ranges of paired channels equal."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.calibration.cross_layer_equalization import equalize, equalize_for, pairs
from nnabla_compress.transforms import fold_batch_normalization
from nnabla_compress.transforms.channel_scales import Levels
from tests.graph import tied_networks as tied


def convolution(x, maps, name, **options):
    return PF.convolution(x, maps, (3, 3), pad=(1, 1), name=name, **options)


NETWORKS = {
    "convolutions": lambda x: convolution(F.relu(convolution(x, 6, "a")), 5, "b"),
    "into a group": lambda x: convolution(F.relu(convolution(x, 6, "a")), 4, "b", group=2),
    "out of a group": lambda x: convolution(F.relu(convolution(x, 6, "a", group=2)), 4, "b"),
    "depthwise": lambda x: convolution(
        F.relu(PF.depthwise_convolution(F.relu(convolution(x, 6, "a")), (3, 3), multiplier=2)),
        4,
        "b",
    ),
    "pooling and flattening": lambda x: PF.affine(
        F.max_pooling(F.leaky_relu(convolution(x, 6, "a")), (2, 2)), 3, name="b"
    ),
    "a reshape": lambda x: PF.affine(
        F.reshape(F.average_pooling(F.relu(convolution(x, 6, "a")), (4, 4)), (2, -1)), 3, name="b"
    ),
    "affine": lambda x: PF.affine(F.relu(PF.affine(x, 6, name="a")), 3, name="b"),
    "no bias": lambda x: convolution(F.relu(convolution(x, 6, "a", with_bias=False)), 5, "b"),
}


def unbalance(rng):
    for _, parameter in sorted(nn.get_parameters().items()):
        factors = np.exp(2 * rng.randn(*parameter.shape[:1], *[1] * (parameter.ndim - 1)))
        parameter.d = rng.randn(*parameter.shape) * factors


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_computes_the_same(name, rng):
    x = nn.Variable((2, 4, 8, 8))
    y = NETWORKS[name](x)
    unbalance(rng)
    x.d = rng.randn(*x.shape)
    y.forward()
    before = y.d.copy()
    weights = {key: p.d.copy() for key, p in nn.get_parameters().items()}
    assert equalize([y]) >= 1
    assert any(np.abs(p.d - weights[key]).max() > 0.1 for key, p in nn.get_parameters().items())
    y.forward()
    np.testing.assert_allclose(y.d, before, rtol=1e-4, atol=1e-5 * np.abs(before).max())


def test_paired_channels_end_with_the_same_range(rng):
    x = nn.Variable((1, 4, 8, 8))
    y = NETWORKS["convolutions"](x)
    unbalance(rng)
    equalize([y])
    a, b = (nn.get_parameters()[f"{name}/conv/W"].d for name in "ab")
    np.testing.assert_allclose(np.abs(a).max(axis=(1, 2, 3)), np.abs(b).max(axis=(0, 2, 3)), 1e-3)


def test_dead_channels_are_left_alone(rng):
    x = nn.Variable((1, 4, 8, 8))
    y = NETWORKS["convolutions"](x)
    a, b = (nn.get_parameters()[f"{name}/conv/W"] for name in "ab")
    a.d[0] = 0
    b.d[:, 1] = 0
    dead = a.d[1].copy()
    equalize([y])
    assert np.isfinite(a.d).all() and np.isfinite(b.d).all() and not a.d[0].any()
    np.testing.assert_array_equal(a.d[1], dead)


@pytest.mark.parametrize(
    "build",
    [
        lambda x: convolution(F.sigmoid(convolution(x, 4, "a")), 4, "b"),
        lambda x: convolution(F.relu(convolution(x, 4, "a")) + x, 4, "b"),
        lambda x: F.add2(*[convolution(F.relu(convolution(x, 4, "a")), 4, n) for n in "bc"]),
        lambda x: convolution(F.relu(convolution(convolution(x, 4, "s"), 4, "a")), 4, "s"),
        lambda x: convolution(F.tanh(x), 4, "b"),
    ],
)
def test_what_does_not_let_a_factor_pass_or_is_read_twice_makes_no_pair(build):
    y = build(nn.Variable((1, 4, 8, 8)))
    assert not [p for p in pairs([y]) if p.second.name != "a/conv"]


@pytest.mark.parametrize("kind", tied.KINDS, ids=lambda kind: kind.__name__)
def test_weights_that_others_read_too_are_left(kind):
    _, y = tied.built(kind)
    folded = fold_batch_normalization([y])
    for parameter in nn.get_parameters().values():
        parameter.d = parameter.d * np.linspace(0.1, 3, parameter.size).reshape(parameter.shape)
    nn.forward_all(folded)
    before = folded[0].d.copy()
    equalize(folded)
    nn.forward_all(folded)
    np.testing.assert_allclose(folded[0].d, before, rtol=0, atol=1e-5 * np.abs(before).max())


@pytest.mark.parametrize("with_samples", [False, True])
def test_parameters_of_whole_numbers_are_equalized_as_others(with_samples):
    x = nn.Variable((1, 1))
    y = PF.affine(F.relu(PF.affine(x, 2, name="a")), 1, name="b")
    a, b = (nn.get_parameters()[f"{name}/affine/W"] for name in "ab")
    found = []
    for kind in (np.int64, np.float32):
        a.d, b.d = np.array([[8, 1]], kind), np.array([[1], [16]], kind)
        if with_samples:
            equalize_for([y], [x], [np.float32([[1]])], Levels(lambda layer: 127, 255))
        else:
            equalize([y])
        found.append([*a.d.ravel(), *b.d.ravel()])
    assert found[0] == found[1] != [8, 1, 1, 16]
