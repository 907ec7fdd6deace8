# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Learned rounding: patches times rows are the layer, and the learned codes are better ones."""

from __future__ import annotations

import itertools

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.analysis.patches import patches, rows_of, weight_of
from nnabla_compress.calibration import learned_rounding
from nnabla_compress.calibration.learned_rounding import (
    Moments,
    RoundingSettings,
    learn,
    moments,
    nothing_to_learn,
)
from nnabla_compress.calibration.round_layers import learn_roundings
from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers import Affine
from tests.calibration.pairs import as_patches

LAYERS = {
    "convolution": ((2, 4, 7, 8), lambda x: PF.convolution(x, 6, (3, 2), pad=(1, 0))),
    "strides": ((2, 4, 9, 8), lambda x: PF.convolution(x, 6, (3, 3), stride=(2, 1))),
    "larger than the map": ((2, 4, 3, 8), lambda x: PF.convolution(x, 6, (5, 3), stride=(3, 2))),
    "dilation": ((2, 4, 9, 8), lambda x: PF.convolution(x, 6, (3, 3), dilation=(2, 1))),
    "groups": ((2, 4, 7, 8), lambda x: PF.convolution(x, 6, (3, 3), group=2)),
    "one dimension": ((2, 4, 9), lambda x: PF.convolution(x, 6, (3,), pad=(1,))),
    "three dimensions": ((2, 2, 5, 4, 4), lambda x: PF.convolution(x, 3, (2, 3, 2))),
    "base axis": ((2, 3, 4, 7, 8), lambda x: PF.convolution(x, 6, (3, 3), base_axis=2)),
    "depthwise": ((2, 4, 7, 8), lambda x: PF.depthwise_convolution(x, (3, 3), pad=(1, 1))),
    "multiplier": ((2, 4, 7, 8), lambda x: PF.depthwise_convolution(x, (3, 3), multiplier=2)),
    "affine": ((5, 6), lambda x: PF.affine(x, 4)),
    "affine of maps": ((5, 3, 2, 2), lambda x: PF.affine(x, (4, 2))),
    "affine base axis": ((5, 3, 4), lambda x: PF.affine(x, 2, base_axis=2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_patches_times_rows_are_the_outputs_of_the_layer(name, rng):
    shape, build = LAYERS[name]
    x = nn.Variable.from_numpy_array(rng.randn(*shape).astype(np.float32))
    y = build(x)
    (layer,) = layers([y])
    layer.bias.d = 0
    y.forward()
    rows = rows_of(layer, layer.weight.d)
    np.testing.assert_array_equal(weight_of(layer, rows), layer.weight.d)
    seen = 0
    for found, outputs in patches(layer, x.d, y.d, 10**6, np.random.RandomState(0)):
        np.testing.assert_allclose(
            np.einsum("pgi,goi->pgo", found, rows), outputs, rtol=1e-4, atol=1e-4
        )
        seen += outputs.size
    assert seen == y.d.size
    assert sum(len(o) for _, o in patches(layer, x.d, y.d, 3, rng)) == 3


def problem(rng, outputs=4, row=8, samples=400, step=0.4):
    mix = rng.randn(row, row)
    x = (rng.randn(samples, row) @ mix + 0.5).astype(np.float32)
    rows = rng.randn(1, outputs, row).astype(np.float32)
    return rows, np.float32(step), x, x @ rows[0].T


def between(rows, scale):
    """The neighbouring codes from -7 to 7, times their scale."""
    floor = np.minimum(np.floor(np.clip(rows / scale, -7, 7)), 6)
    return floor * scale, (floor + 1) * scale


def error(codes, rows, scale, found):
    u = (codes * scale - rows).astype(np.float64)
    return float(np.einsum("goi,gij,goj->", u, found.gram, u) - 2 * (u * found.slope).sum())


@pytest.mark.parametrize("centred", [True, False])
def test_the_error_is_that_of_the_outputs_without_their_mean_where_there_is_a_bias(centred, rng):
    rows, scale, x, y = problem(rng)
    found = moments(rows, as_patches(x[:, None], y[:, None] + 1), centred)
    codes = np.round(rows / scale)
    rest = y + 1 - x @ (codes * scale)[0].T
    start = y + 1 - x @ rows[0].T
    power = np.var if centred else lambda r, axis: np.square(r).mean(axis)
    expected = (power(rest, 0) - power(start, 0)).sum()
    np.testing.assert_allclose(error(codes, rows, scale, found), expected, rtol=1e-3)


@pytest.mark.parametrize("steps", [0, 300])
def test_learned_codes_are_up_or_down_and_much_better_than_the_nearest(steps, rng):
    rows, scale, x, y = problem(rng, row=24)
    found = moments(rows, as_patches(x[:, None], y[:, None]), True)
    values = learn(rows, *between(rows, scale), found, RoundingSettings(steps=steps))
    codes = np.round(values / scale)
    nearest = np.clip(np.round(rows / scale), -7, 7)
    inside = np.abs(rows / scale) < 7
    assert (np.abs(codes - rows / scale)[inside] < 1 + 1e-6).all()
    assert (values == codes * scale).all() and np.abs(codes).max() <= 7
    before, after = (error(c, rows, scale, found) for c in (nearest, codes))
    assert after < 0.5 * before


def test_a_small_layer_comes_close_to_the_best_of_all_roundings(rng):
    rows, scale, x, y = problem(rng, outputs=1, row=8)
    found = moments(rows, as_patches(x[:, None], y[:, None]), True)
    values = learn(rows, *between(rows, scale), found, RoundingSettings())
    codes = np.round(values / scale)
    floor = np.floor(rows / scale)
    every = [
        floor + np.array(ups).reshape(rows.shape) for ups in itertools.product((0, 1), repeat=8)
    ]
    least = min(error(np.clip(c, -7, 7), rows, scale, found) for c in every)
    nearest = error(np.clip(np.round(rows / scale), -7, 7), rows, scale, found)
    assert error(codes, rows, scale, found) <= least + 0.1 * (nearest - least)


def test_inputs_that_never_vary_leave_the_nearest_codes():
    rows = np.float32([[[0.3, -1.2, 7.9]]])
    zero = np.zeros((1, 3, 3), np.float32)
    found = Moments(zero, 0 * rows, np.zeros((1, 3)), np.zeros((1, 1)))
    values = learn(rows, *between(rows, np.float32(1)), found, RoundingSettings())
    assert values.tolist() == [[[0, -1, 7]]]


def test_outputs_of_zeros_are_left_alone(rng, monkeypatch):
    rows, scale, x, y = problem(rng, row=24)
    lower, upper = between(rows, scale)
    rows[:, 1] = lower[:, 1] = upper[:, 1] = 0
    y[:, 1] = 0.7  # the bias of the float layer
    found = moments(rows, as_patches(x[:, None], y[:, None]), True)
    learned = []

    def to_upper(rows, lower, upper, nearest, of_rows, settings):
        learned.append(len(rows[0]))
        return upper

    monkeypatch.setattr(learned_rounding, "_learned_values", to_upper)
    values = learn(rows, lower, upper, found, RoundingSettings())
    assert learned == [len(rows[0]) - 1]
    np.testing.assert_array_equal(values, upper)


def test_a_layer_of_zeros_takes_no_steps(monkeypatch):
    rows, x = np.zeros((1, 3, 5), np.float32), np.float32(np.random.RandomState(0).rand(60, 5))
    y = np.full((60, 3), 0.3, np.float32)
    found = moments(rows, as_patches(x[:, None], y[:, None]), True)
    assert nothing_to_learn(rows, rows, found)
    assert not nothing_to_learn(rows + 0.1, rows, found)
    others = as_patches(x[:, None], x[:, None, :3])
    assert not nothing_to_learn(rows, rows, moments(rows, others, True))
    monkeypatch.setattr(learned_rounding, "_learned_values", None)
    assert not learn(rows, rows - 1, rows.copy(), found, RoundingSettings()).any()


@pytest.mark.parametrize("bits, alike", [(8, True), (4, False)])
def test_fine_codes_are_flipped_coarse_ones_are_learned(bits, alike, rng):
    values, found = rng.randn(200, 12).astype(np.float32) @ rng.randn(12, 12), []
    for steps in (0, 300):
        nn.clear_parameters()
        x = nn.Variable((1, 12))
        weight = np.random.RandomState(3).randn(12, 6)
        y = PF.affine(x, 6, w_init=weight, name="float")
        q = PF.affine(x, 6, w_init=weight, apply_w=Affine(bits=bits, axis=1), name="quantized")
        learn_roundings([q], [x], [y], [x], [np.float32(values)], RoundingSettings(steps=steps))
        found.append(nn.get_parameters()["quantized/affine/W"].d.copy())
    assert np.array_equal(*found) == alike


@pytest.mark.parametrize("options", [{"steps": -1}, {"positions": 0}, {"strength": "high"}])
def test_settings_out_of_range_are_refused(options):
    with pytest.raises(ConfigError, match="learned rounding"):
        RoundingSettings(**options)


@pytest.mark.parametrize("steps", [0, 40])
def test_pairs_of_inputs_and_outputs_in_parts_are_those_of_the_whole(steps, rng, monkeypatch):
    rows, scale, x, y = problem(rng, row=11)
    x[:, 4] = 1  # never varies
    found = moments(rows, as_patches(x[:, None], y[:, None]), True)
    values = learn(rows, *between(rows, scale), found, RoundingSettings(steps=steps))
    monkeypatch.setattr(learned_rounding, "_WEIGHTS", 1)
    monkeypatch.setattr(learned_rounding, "_TOGETHER", 3)
    monkeypatch.setattr(learned_rounding, "_WHOLE", 5)
    monkeypatch.setattr(learned_rounding, "_WIDTH", 4)
    monkeypatch.setattr(learned_rounding, "_OF_PAIRS", 3)
    monkeypatch.setattr("nnabla_compress.analysis.patches._CHUNK", 70)
    parts = moments(rows, as_patches(x[:, None], y[:, None]), True)
    for whole, joined in zip(vars(found).values(), vars(parts).values()):
        np.testing.assert_allclose(joined, whole, rtol=1e-4, atol=1e-4)
    again = learn(rows, *between(rows, scale), parts, RoundingSettings(steps=steps))
    np.testing.assert_array_equal(again, values)
