# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What another weight does to the outputs: as a whole forward pass says."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.graph.network import Network
from nnabla_compress.transforms.output_noise import OutputNoise
from tests.graph.networks import randomize_statistics


def branches(x):
    """Two branches that are added in place, behind activations in place."""
    h = F.relu(PF.convolution(x, 6, (3, 3), pad=(1, 1), name="a"), inplace=True)
    left = PF.batch_normalization(PF.convolution(h, 6, (3, 3), pad=(1, 1), name="b"), name="b")
    right = PF.convolution(h, 6, (1, 1), name="c")
    return PF.affine(F.relu(F.add2(left, right, inplace=True), inplace=True), 4, name="d")


@pytest.fixture
def network():
    x = nn.Variable((1, 3, 7, 7))
    y = branches(x)
    randomize_statistics()
    return Network({"x": x}, {"y": y})


def whole_pass(samples):
    x = nn.Variable.from_numpy_array(samples)
    h = F.relu(PF.convolution(x, 6, (3, 3), pad=(1, 1), name="a"))
    left = PF.convolution(h, 6, (3, 3), pad=(1, 1), name="b")
    left = PF.batch_normalization(left, batch_stat=False, name="b")
    y = PF.affine(F.relu(left + PF.convolution(h, 6, (1, 1), name="c")), 4, name="d")
    y.forward()
    return y.d.copy()


def test_each_noise_is_that_of_a_whole_pass_in_any_order(network, rng):
    samples = rng.randn(8, 3, 7, 7).astype(np.float32)
    noise, parameters = OutputNoise(network, {"x": samples}), nn.get_parameters()
    clean = whole_pass(samples)
    for name in ("c/conv/W", "a/conv/W", "d/affine/W", "b/conv/W", "a/conv/W"):
        weight = parameters[name]
        own = weight.d.copy()
        with noise.replacing(weight) as measure:
            for scale in (0.9, 0.5):
                found = measure(scale * own)
                weight.d = scale * own
                apart = np.square(whole_pass(samples) - clean).sum() / np.square(clean).sum()
                assert found == pytest.approx(apart, rel=1e-4)
        np.testing.assert_array_equal(weight.d, own)


def test_moments_are_those_of_what_a_layer_gives(network, rng):
    samples = rng.randn(8, 3, 7, 7).astype(np.float32)
    noise, parameters = OutputNoise(network, {"x": samples}), nn.get_parameters()
    y = F.convolution(
        nn.Variable.from_numpy_array(samples),
        parameters["a/conv/W"],
        parameters["a/conv/b"],
        pad=(1, 1),
    )
    y.forward()
    rows = y.d.transpose(1, 0, 2, 3).reshape(6, -1)
    found = noise.moments(parameters["a/conv/W"], 1)
    np.testing.assert_allclose(found[0], rows @ rows.T / rows.shape[1], rtol=1e-4, atol=1e-5)
    halves = noise.moments(parameters["a/conv/W"], 2)
    np.testing.assert_allclose(halves[1], found[0][3:, 3:], rtol=1e-6)
