# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The scales of channels lower the noise that codes add, against quantizing with NumPy."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.channel_pairs import pairs
from nnabla_compress.analysis.channel_statistics import channel_statistics
from nnabla_compress.graph.constants import value
from nnabla_compress.transforms import channel_scales
from nnabla_compress.transforms.channel_scales import Levels, Loaded, needed, scale_pairs


def noise(x, w1, w2, levels, per_channel):
    """Mean squared error of relu(x w1) w2 with rounded weights and a rounded map."""

    def rounded(array, axis=None):
        step = np.abs(array).max(axis=axis, keepdims=axis is not None) / levels
        return np.rint(array / step) * step

    axis = 0 if per_channel else None
    hidden = rounded(np.maximum(x @ rounded(w1, axis), 0))
    got = hidden @ rounded(w2, axis)
    return np.square(got - np.maximum(x @ w1, 0) @ w2).mean()


@pytest.mark.parametrize("per_channel", [True, False])
def test_unequal_channels_are_held_more_finely(per_channel, rng):
    factors = np.logspace(0, -3, 8)
    x = nn.Variable((1, 6))
    y = PF.affine(F.relu(PF.affine(x, 8, name="a", with_bias=False)), 5, name="b", with_bias=False)
    a, b = (nn.get_parameters()[name] for name in ("a/affine/W", "b/affine/W"))
    a.d = rng.randn(6, 8) * factors
    b.d = rng.randn(8, 5) / factors[:, None]
    samples = rng.randn(256, 6).astype(np.float32)
    found = pairs([y])
    statistics = channel_statistics([y], needed(found), [{x: samples}])
    arrays = {v.data: value(v) for v in (a, b)}
    before = noise(samples, arrays[a.data], arrays[b.data], 127, per_channel)
    product = np.abs(arrays[a.data]).max(0) * np.abs(arrays[b.data]).max(1)
    scale_pairs(found, statistics, arrays, Levels(lambda layer: 127, 127, per_channel))
    after = noise(samples, arrays[a.data], arrays[b.data], 127, per_channel)
    assert after < before / 50
    again = np.abs(arrays[a.data]).max(0) * np.abs(arrays[b.data]).max(1)
    np.testing.assert_allclose(again, product, rtol=1e-5)


def test_dead_channels_keep_their_scale(rng):
    x = nn.Variable((1, 2))
    y = PF.affine(F.relu(PF.affine(x, 3, name="a")), 2, name="b")
    parameters = nn.get_parameters()
    parameters["a/affine/W"].d[:, 1] = 0
    found = pairs([y])
    samples = rng.randn(32, 2).astype(np.float32)
    statistics = channel_statistics([y], needed(found), [{x: samples}])
    arrays = {v.data: value(v) for v in found[0].parameters()}
    second = arrays[parameters["b/affine/W"].data][1].copy()
    scale_pairs(found, statistics, arrays, Levels(lambda layer: 127, 127))
    np.testing.assert_array_equal(arrays[parameters["b/affine/W"].data][1], second)
    assert all(np.isfinite(array).all() for array in arrays.values())


def test_parameters_are_settled_behind_the_last_pair_that_reads_them(rng):
    x = nn.Variable((1, 4))
    h = F.relu(PF.affine(F.relu(PF.affine(x, 5, name="a")), 6, name="b"))
    y = PF.affine(h, 2, name="c")
    found = pairs([y])
    samples = rng.randn(32, 4).astype(np.float32)
    statistics = channel_statistics([y], needed(found), [{x: samples}])
    arrays = {v.data: value(v) for pair in found for v in pair.parameters()}
    settled = []
    levels = Levels(lambda layer: 127, 127)
    scale_pairs(found, statistics, arrays, levels, lambda data: settled.append(data))
    weights = [nn.get_parameters()[f"{name}/affine/W"].data for name in "abc"]
    assert len(settled) == len(arrays) and set(settled) == set(arrays)
    assert [data for data in settled if data in weights] == weights


def test_sums_in_parts_are_those_of_the_whole(rng, monkeypatch):
    monkeypatch.setattr(channel_scales, "_AT_ONCE", 100)
    for weights in (rng.randn(7, 5, 9), rng.randn(5, 9, 7).transpose(2, 0, 1), rng.randn(1, 3, 2)):
        np.testing.assert_array_equal(
            channel_scales._power(weights), np.square(weights).sum(axis=2)
        )
        np.testing.assert_array_equal(
            channel_scales._largest(weights, 2), np.abs(weights).max(axis=2)
        )


@pytest.mark.parametrize("per_channel", [True, False])
def test_large_parameters_in_float32_are_scaled_as_those_in_float64(per_channel, rng, monkeypatch):
    x = nn.Variable((1, 4, 6, 6))
    h = F.relu(PF.convolution(x, 6, (3, 3), name="a"))
    y = PF.affine(F.relu(PF.affine(h, 5, name="b")), 3, name="c")
    found = pairs([y])
    feeds = [{x: rng.randn(16, 4, 6, 6).astype(np.float32)}]
    statistics = channel_statistics([y], needed(found), feeds)
    levels = Levels(lambda layer: 127, 127, per_channel)
    scaled = []
    for large in (1 << 24, 0):
        monkeypatch.setattr(channel_scales, "_LARGE", large)
        arrays = Loaded({v.data: v for pair in found for v in pair.parameters()})
        scale_pairs(found, statistics, arrays, levels)
        scaled.append([arrays[v.data] for pair in found for v in pair.parameters()])
    assert {a.dtype for a in scaled[0]} == {np.dtype(np.float64)}
    assert scaled[1][0].dtype == np.float32
    assert not np.allclose(scaled[0][0], found[0].first.weight.d)
    for double, single in zip(*scaled):
        np.testing.assert_allclose(single, double, rtol=1e-5)
