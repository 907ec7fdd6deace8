# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.quantizers import LevelGrid
from nnabla_compress.regularizers import sine_penalty
from nnabla_compress.regularizers.sine_penalty import distances, gradient

W = np.array([0.9, 0.4, 0.1, -0.05, -0.7])


# Worked numbers of bits in all, and DoReFa's and WRPN's levels on [-1, 1].
@pytest.mark.parametrize(
    "bits, levels, value, slopes",
    [
        (2, "mid-rise", 0.603305, (-0.762481, 0.553975, -0.762481, 0.427876, 0.291242)),
        (3, "mid-rise", 0.369392, (-1.779121, -1.292607, -1.779121, 1.959426, 0.679564)),
        (3, "mid-tread", 0.391221, (-1.792699, 1.792699, 1.792699, -1.524961, -1.107949)),
    ],
)
def test_value_and_gradient_are_those_worked_out(bits, levels, value, slopes):
    grid, out = LevelGrid.of_bits(bits, levels), np.empty_like(W)
    assert distances(W, grid)[0] / W.size == pytest.approx(value, abs=1e-6)
    gradient(W, grid, 1 / W.size, out)
    np.testing.assert_allclose(out, slopes, atol=1e-6)


@pytest.mark.parametrize("levels", ["mid-tread", "mid-rise"])
@pytest.mark.parametrize("bits", range(2, 9))
def test_it_is_exactly_0_on_the_levels_of_2_to_8_bits(bits, levels):
    grid = LevelGrid.of_bits(bits, levels)
    values = grid.values()
    assert len(values) == 2**bits - (levels == "mid-tread")
    for dtype in (np.float64, np.float32):
        assert distances(values.astype(dtype), grid)[0] == 0
    half_way = (values[1:] + values[:-1]) / 2
    assert distances(half_way, grid)[0] == pytest.approx(len(half_way))


def test_a_node_scales_and_adds_its_gradient():
    w = nn.Variable.from_numpy_array(W.astype(np.float32), need_grad=True)
    penalty = sine_penalty(w, LevelGrid.of_bits(3, "mid-tread"))
    w.g = 1
    loss = 2 * penalty + 3 * sine_penalty(w, LevelGrid.of_bits(3, "mid-tread"))
    loss.forward()
    loss.backward()
    expected = 5 * np.array([-1.792699, 1.792699, 1.792699, -1.524961, -1.107949])
    np.testing.assert_allclose(w.g, 1 + expected, rtol=1e-5)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_channels_along_any_axis_have_steps_of_their_own(axis):
    x = np.random.RandomState(0).randn(3, 4, 5)
    steps = 0.1 + np.arange(x.shape[axis])
    end = np.full(len(steps), np.inf)
    grid, out = LevelGrid(steps, -end, end, axis=axis), np.ones_like(x)
    shape = [1, 1, 1]
    shape[axis] = -1
    places = np.pi * x / steps.reshape(shape)
    assert distances(x, grid)[0] == pytest.approx(np.sum(np.sin(places) ** 2))
    gradient(x, grid, 0.5, out, accumulate=True)
    expected = 1 + 0.5 * np.pi / steps.reshape(shape) * np.sin(2 * places)
    np.testing.assert_allclose(out, expected, rtol=1e-9)


def test_levels_of_squeezed_weights_have_the_gradient_of_tanh():
    x, h = np.array([0.9, -1.2, 0.3]), 1e-6
    grid = LevelGrid.of_bits(2, "mid-rise")._replace(squeeze=float(np.tanh(1.2)))
    out = np.empty_like(x)
    gradient(x, grid, 1.0, out)
    for i in range(3):
        up, down = x.copy(), x.copy()
        up[i] += h
        down[i] -= h
        difference = (distances(up, grid)[0] - distances(down, grid)[0]) / (2 * h)
        assert out[i] == pytest.approx(difference, abs=1e-6)
    inner = grid.values()[1:-1]  # of the outermost ones tanh is not invertible in float64
    assert distances(inner, grid)[0] == pytest.approx(0, abs=1e-20)
