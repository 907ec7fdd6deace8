# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers import LevelGrid
from nnabla_compress.regularizers import waveq
from nnabla_compress.regularizers.sine_penalty import gradient
from nnabla_compress.regularizers.waveq import WavePenalty

W = np.array([0.9, 0.4, 0.1, -0.05, -0.7])


def penalized(w, beta, **options):
    """Value, gradient of the weights and of beta."""
    w = nn.Variable.from_numpy_array(np.asarray(w, np.float32), need_grad=True)
    beta = nn.Variable.from_numpy_array(np.float32([beta]), need_grad=True)
    penalty = waveq(w, beta, **options)
    w.grad.zero()
    beta.grad.zero()
    penalty.forward()
    penalty.backward()
    return float(penalty.d), w.g.copy(), float(beta.g[0])


# The weights are divided by their largest magnitude: one of 1 more leaves these as they are, and
# with whole periods costs nothing itself.
@pytest.mark.parametrize("beta, value, slope", [(2, 0.097805, -0.036664), (3, 0.063597, -0.039978)])
def test_value_and_gradient_of_beta_are_those_worked_out(beta, value, slope):
    found = penalized([*W, 1.0], beta)
    assert found[0] == pytest.approx(value * 5 / 6, abs=1e-6)
    # d/dbeta of the added weight's sin(u)**2 is 0, too: sin(2 u) is.
    assert found[2] == pytest.approx(slope * 5 / 6, abs=1e-5)


@pytest.mark.parametrize("form", [0, 1, 2])
@pytest.mark.parametrize("levels, less", [("mid-tread", 1.0), ("mid-rise", 0.5)])
@pytest.mark.parametrize("beta", [1.3, 2.5, 4.0])
def test_gradients_equal_central_differences_in_double_precision(beta, levels, less, form):
    c = 0.9

    def value(w, b):
        u = np.pi * (w / c * (2**b - less) - (1 - less))
        return np.mean(np.sin(u) ** 2) / 2 ** (form * b)

    h = 1e-6
    node = WavePenalty(1 - less, form=form)
    _, grid, sums = node._penalty(W, beta)
    by_beta = node._slope(beta, sums) / W.size / 2 ** (form * beta)
    difference = (value(W, beta + h) - value(W, beta - h)) / (2 * h)
    assert by_beta == pytest.approx(difference, abs=1e-6)
    out = np.empty_like(W)
    gradient(W, grid, 1 / W.size / 2 ** (form * beta), out)
    for i in range(W.size):
        up, down = W.copy(), W.copy()
        up[i] += h
        down[i] -= h
        assert out[i] == pytest.approx((value(up, beta) - value(down, beta)) / (2 * h), abs=1e-6)
    found = penalized(W, beta, levels=levels, form=form)
    assert found[0] == pytest.approx(value(W, beta), rel=1e-5)
    np.testing.assert_allclose(found[1], out, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form, expected", [(0, 0.5), (1, 0.125), (2, 0.03125)])
def test_evenly_spread_weights_cost_what_the_denominator_leaves(form, expected):
    w = (np.arange(20000) + 0.5) / 10000 - 1
    assert penalized(w, 2, form=form)[0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize("levels", ["mid-tread", "mid-rise"])
@pytest.mark.parametrize("bits", range(2, 9))
def test_it_is_0_on_the_levels_of_one_bit_more_than_beta(bits, levels):
    values = 0.3 * LevelGrid.of_bits(bits, levels).values()
    value, by_weight, by_beta = penalized(values, bits - 1, levels=levels)
    assert (value, by_beta) == (0, 0) and not by_weight.any()


def test_weights_that_are_all_zero_cost_nothing():
    assert penalized(np.zeros(4), 3.3)[0] == 0


def test_squeezed_weights_are_compared_after_tanh():
    node = WavePenalty(0.5, squeezed=True)
    w = np.array([0.2, -0.8])
    u = np.pi * (np.tanh(w) / math.tanh(0.8) * (2**2.5 - 0.5) - 0.5)
    assert node._penalty(w, 2.5)[0] == pytest.approx(np.mean(np.sin(u) ** 2) / 2**2.5)


def test_once_settled_it_has_the_levels_of_the_quantizer_and_beta_gets_no_gradient():
    w = nn.Variable.from_numpy_array(W.astype(np.float32), need_grad=True)
    beta = nn.Variable.from_numpy_array(np.float32([2]), need_grad=True)
    node = WavePenalty(0.0)
    node.settled = lambda: LevelGrid.of_bits(3, "mid-tread")
    penalty = node(w, beta)
    w.grad.zero()
    beta.grad.zero()
    penalty.forward()
    penalty.backward()
    assert float(penalty.d) == pytest.approx(0.391221, abs=1e-6)
    assert beta.g[0] == 0 and w.g.all()


def test_unknown_levels_and_forms_and_betas_of_another_shape_are_refused():
    w, beta = nn.Variable((3,)), nn.Variable((1,))
    with pytest.raises(ConfigError, match="levels is 'midrise'") as refused:
        waveq(w, beta, levels="midrise")
    assert "mid-rise" in refused.value.help
    with pytest.raises(ConfigError, match="form is 3"):
        waveq(w, beta, form=3)
    with pytest.raises(ConfigError, match=r"beta has the shape \(3,\)"):
        waveq(w, nn.Variable((3,)))
