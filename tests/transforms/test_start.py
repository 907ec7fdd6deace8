# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Quantizers start from the weights as the batch normalization behind them scales them."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.quantizers import LUT, Affine, prepare
from nnabla_compress.quantizers.dictionary_start import initial_dictionary
from nnabla_compress.transforms import insert_weight_quantizers, start_quantizers

BUILDERS = {
    "convolution": lambda x: PF.convolution(x, 8, (3, 3), name="a"),
    "depthwise": lambda x: PF.depthwise_convolution(x, (3, 3), name="a"),
    "deconvolution": lambda x: PF.deconvolution(x, 8, (3, 3), name="a"),
    "affine": lambda x: PF.affine(x, 8, name="a"),
}


def normalized(build, quantizer, rng):
    """A layer with a batch normalization of very different scales: float, quantized, the scales."""
    x = nn.Variable.from_numpy_array(rng.randn(500, 8, 5, 5))
    y = PF.batch_normalization(build(x), batch_stat=False, name="a")
    scales = np.exp(1.5 * rng.randn(8))
    gamma = nn.get_parameters()["a/bn/gamma"]
    gamma.d = scales.reshape(gamma.shape)
    nn.get_parameters()[layers([y])[0].name + "/W"].d = rng.randn(*layers([y])[0].shape)
    return y, insert_weight_quantizers([y], lambda layer: quantizer)[0], scales


@pytest.mark.parametrize("name", BUILDERS)
def test_the_normalized_outputs_are_closer_than_with_all_channels_alike(name):
    plain, y, _ = normalized(BUILDERS[name], LUT(bits=2), np.random.RandomState(2))
    (layer,) = layers([y])
    plain.forward()
    errors = []
    for start in (start_quantizers, prepare):
        layer.quantizer.inputs[1].d = np.nan
        start([y])
        y.forward()
        errors.append(np.square(y.d - plain.d).sum())
    assert errors[0] < 0.97 * errors[1]


def test_the_dictionary_is_the_best_for_weights_counted_by_their_squared_scale(rng):
    _, y, scales = normalized(BUILDERS["convolution"], LUT(bits=3), rng)
    start_quantizers([y])
    (layer,) = layers([y])
    counts = np.broadcast_to(np.square(scales).reshape(8, 1, 1, 1), layer.shape)
    expected = initial_dictionary(LUT(bits=3), layer.weight.d.copy(), counts.copy())
    np.testing.assert_allclose(layer.quantizer.inputs[1].d, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_scales_that_are_all_the_same_start_as_without(scale, rng):
    _, y, _ = normalized(BUILDERS["convolution"], LUT(bits=3), rng)
    nn.get_parameters()["a/bn/gamma"].d = scale
    start_quantizers([y])
    (layer,) = layers([y])
    expected = initial_dictionary(LUT(bits=3), layer.weight.d.copy())
    np.testing.assert_allclose(layer.quantizer.inputs[1].d, expected, rtol=1e-4, atol=1e-6)


def test_a_dead_channel_still_gets_finite_values(rng):
    _, y, scales = normalized(BUILDERS["convolution"], LUT(bits=3), rng)
    scales[:6] = 0
    nn.get_parameters()["a/bn/gamma"].d = scales.reshape(1, 8, 1, 1)
    start_quantizers([y])
    assert np.isfinite(layers([y])[0].quantizer.inputs[1].d).all()


def test_shared_weights_other_readers_and_other_quantizers_start_as_they_do_alone(rng):
    x = nn.Variable((4, 8, 5, 5))
    h = PF.convolution(x, 8, (3, 3), apply_w=LUT(bits=2), name="a")
    y = F.add2(PF.batch_normalization(h, batch_stat=False, name="a"), h)
    z = PF.batch_normalization(
        PF.convolution(y, 8, (3, 3), apply_w=Affine(bits=4, axis=0), name="b"),
        batch_stat=False, name="b",
    )  # fmt: skip
    nn.get_parameters()["a/bn/gamma"].d = np.exp(rng.randn(1, 8, 1, 1))
    start_quantizers([z])
    first, second = layers([z])
    expected = initial_dictionary(LUT(bits=2), first.weight.d.copy())
    np.testing.assert_allclose(first.quantizer.inputs[1].d, expected, rtol=1e-4, atol=1e-6)
    assert np.isfinite(second.quantizer.inputs[1].d).all()


def test_what_has_started_already_stays(rng):
    _, y, _ = normalized(BUILDERS["convolution"], LUT(bits=2), rng)
    (layer,) = layers([y])
    layer.quantizer.inputs[1].d = [-1, -0.5, 0.5, 1]
    start_quantizers([y])
    assert layer.quantizer.inputs[1].d.tolist() == [-1, -0.5, 0.5, 1]
