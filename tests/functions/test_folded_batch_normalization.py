# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_compress.functions as CF

rng = np.random.RandomState(0)
Z = rng.randn(6, 3, 2, 2).astype(np.float32)
DY = rng.randn(*Z.shape).astype(np.float32)
SHAPE = (1, 3, 1, 1)


def variable(values, need_grad=False):
    values = np.asarray(values, np.float32)
    made = nn.Variable.from_numpy_array(values, need_grad=need_grad)
    made.g = 0
    return made


def parameters(gamma=(1.5, -0.5, 0.25)):
    return {
        "beta": variable(np.reshape([0.5, -1, 2], SHAPE), True),
        "gamma": variable(np.reshape(gamma, SHAPE), True),
        "mean": variable(np.reshape([0.25, 0.5, -0.5], SHAPE)),
        "variance": variable(np.reshape([0.75, 1.5, 2.5], SHAPE)),
    }


def folded(z, p, bias, updates=0.0, **options):
    """The function behind a layer that computes k z, and what it is called with."""
    k = p["gamma"].d / np.sqrt(p["variance"].d + 1e-5)
    x = variable(k * z, True)
    counter = variable([updates])
    y = CF.folded_batch_normalization(x, *p.values(), counter, bias, **options)
    return k, x, counter, y


def test_in_training_it_is_batch_normalization_of_the_layer_without_the_scale():
    bias = np.float32([1, -2, 3])
    want, got = parameters(), parameters()
    z = variable(Z + bias.reshape(SHAPE), True)
    y_want = F.batch_normalization(z, *want.values(), axes=[1], decay_rate=0.8, batch_stat=True)
    k, x, counter, y_got = folded(Z, got, variable(bias, True), decay_rate=0.8)
    for y in (y_want, y_got):
        y.forward()
        y.backward(DY)
    np.testing.assert_allclose(y_got.d, y_want.d, atol=1e-5)
    np.testing.assert_allclose(x.g * k, z.g, atol=1e-5)
    for name in want:
        np.testing.assert_allclose(got[name].d, want[name].d, atol=1e-6)
        np.testing.assert_allclose(got[name].g, want[name].g, atol=1e-4)
    assert counter.d.tolist() == [1]


@pytest.mark.parametrize("options", [{"freeze_after": 5}, {"batch_stat": False}])
def test_frozen_and_in_inference_only_a_bias_is_added_and_the_statistics_stay(options):
    bias = np.float32([1, -2, 3])
    want, got = parameters(), parameters()
    z = variable(Z + bias.reshape(SHAPE), True)
    y_want = F.batch_normalization(z, *want.values(), axes=[1], batch_stat=False)
    b = variable(bias, True)
    k, x, counter, y_got = folded(Z, got, b, updates=5.0, **options)
    for y in (y_want, y_got):
        y.forward()
        y.backward(DY)
    np.testing.assert_allclose(y_got.d, y_want.d, atol=1e-5)
    assert x.g.tolist() == DY.tolist()
    np.testing.assert_allclose(got["beta"].g, want["beta"].g, atol=1e-4)
    # The rest of gamma's gradient comes through the weight, which x stands for here.
    through_x = (DY * Z).sum((0, 2, 3), keepdims=True) / np.sqrt(got["variance"].d + 1e-5)
    np.testing.assert_allclose(got["gamma"].g + through_x, want["gamma"].g, atol=1e-4)
    np.testing.assert_allclose(b.g, (DY * k).sum((0, 2, 3)), atol=1e-4)
    assert got["mean"].d.tolist() == parameters()["mean"].d.tolist()
    assert counter.d.tolist() == [6 if "freeze_after" in options else 5]


def test_a_channel_whose_gamma_is_zero_gives_beta_and_keeps_its_statistics():
    p = parameters(gamma=(0, 1, 1))
    _, x, _, y = folded(Z, p, None)
    y.forward()
    y.backward(DY)
    assert np.all(y.d[:, 0] == 0.5)
    assert np.isfinite(x.g).all() and np.isfinite(p["gamma"].g).all()
    assert p["mean"].d.ravel()[0] == 0.25 and p["mean"].d.ravel()[1] != 0.5
