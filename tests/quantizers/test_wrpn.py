# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""WRPN's weights: clipped, evenly spaced with 0 among them, stored as integers."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.analysis.stored_encodings import encoding_of_node
from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers import WRPN
from nnabla_compress.quantizers.base import QuantizerFunction
from tests.properties import examples

WORKED = np.float32([1.2, 0.5, 0.1, -0.05, -0.7])
MANY = range(2, 9)


def node(quantizer, w):
    with nn.parameter_scope("layer"):
        W = nn.parameter.get_parameter_or_create("W", w.shape, w.astype(np.float32))
        y = quantizer(W)
    y.forward()
    return W, y


def backward(W, y, dy):
    y.forward()
    W.g = 0
    y.backward(dy)
    return W.g.copy()


@pytest.mark.parametrize(
    "bits, values",
    [
        (2, [1, 1, 0, 0, -1]),
        (3, [1, 0.666667, 0, 0, -0.666667]),
        (4, [1, 0.571429, 0.142857, 0, -0.714286]),
    ],
)
def test_worked_numbers(bits, values):
    _, y = node(WRPN(bits=bits), WORKED)
    np.testing.assert_allclose(y.d, values, atol=1e-6)


@pytest.mark.parametrize("bits", MANY)
def test_ties_are_rounded_away_from_zero(bits):
    n = 2 ** (bits - 1) - 1
    half = (np.arange(n) + 0.5) / n
    w = np.append(half, -half).astype(np.float32)
    scaled = w * np.float32(n)
    exact = np.abs(scaled) % 1 == 0.5  # the product of some falls beside the tie
    assert exact[0]
    _, y = node(WRPN(bits=bits), w)
    away = np.sign(w) * np.ceil(np.abs(scaled))
    np.testing.assert_allclose((y.d * n)[exact], away[exact], atol=1e-4)


@examples(60)
@given(
    st.lists(st.floats(-(2.0**90), 2.0**90, width=32), min_size=1, max_size=12),
    st.integers(2, 8),
    st.sampled_from([None, "max"]),
)
def test_any_weights_become_finite_values_that_are_stored_bit_for_bit(values, bits, scale):
    nn.clear_parameters()
    w = np.float32(values)
    W, y = node(WRPN(bits=bits, scale=scale), w)
    size = 1 if scale is None else max(np.abs(w).max(), 2.0**-100)
    assert np.abs(y.d - np.clip(w, -size, size)).max() <= 0.51 * size / (2 ** (bits - 1) - 1)
    assert WRPN.encode(y.parent).decode().tobytes() == y.d.tobytes()
    assert set(backward(W, y, np.ones(w.shape))) <= {0, 1}


@pytest.mark.parametrize("scale", [None, "max"])
@pytest.mark.parametrize("bits", MANY)
def test_everything_gives_the_values_of_the_formula(bits, scale, rng, monkeypatch):
    w, dy = 0.6 * rng.randn(2, 100, 90)
    w[0, :3] = 0, 1, -1
    W, y = node(WRPN(bits=bits, scale=scale), w)
    n = 2 ** (bits - 1) - 1
    size = 1 if scale is None else float(np.abs(W.d).max())
    part = n * np.clip(W.d.astype(np.float64) / size, -1, 1)
    expected = size * np.sign(part) * np.floor(np.abs(part) + 0.5) / n
    assert (np.abs(y.d - expected) > 1e-6).mean() < 0.002
    before = y.d.copy()
    assert n < len(np.unique(before)) <= 2 * n + 1
    assert WRPN.encode(y.parent).decode().tobytes() == before.tobytes()
    lowered = WRPN.lower(y.parent, [W])
    lowered.forward()
    np.testing.assert_array_equal(lowered.d, before)
    passed = np.where(np.abs(W.d) <= np.float32(size), dy, 0).astype(np.float32)
    assert scale == "max" or not passed.all()
    np.testing.assert_array_equal(backward(W, y, dy), passed)
    np.testing.assert_allclose(backward(W, lowered, dy), passed, rtol=1e-6)
    monkeypatch.setattr(QuantizerFunction, "on_cpu", False)
    np.testing.assert_array_equal(backward(W, y, dy), passed)
    np.testing.assert_array_equal(y.d, before)


def test_small_weights_become_zero_unless_they_are_scaled(rng):
    w = 0.02 * rng.randn(30, 20)
    assert not node(WRPN(bits=3), w)[1].d.any()
    _, y = node(WRPN(bits=3, scale="max"), w)
    assert len(np.unique(y.d)) == 7
    assert np.abs(y.d).max() == pytest.approx(np.abs(w).max(), rel=1e-6)


@pytest.mark.parametrize("scale", [None, "max"])
def test_weights_that_are_all_zero_stay_zero(scale):
    W, y = node(WRPN(bits=2, scale=scale), np.zeros((2, 3)))
    assert not y.d.any()
    np.testing.assert_array_equal(backward(W, y, np.ones((2, 3))), 1)
    assert not WRPN.encode(y.parent).decode().any()


def test_reports_know_range_and_step():
    _, y = node(WRPN(bits=3), WORKED)
    found = encoding_of_node(y.parent)
    assert str(found) == "WRPN 3 bit"
    assert found.range == "-1 to 1"
    assert found.step == pytest.approx(1 / 3)


def test_one_bit_is_refused_with_the_way_out():
    with pytest.raises(ConfigError, match="no such weights") as caught:
        WRPN(bits=1)
    assert "DoReFa" in caught.value.help


@pytest.mark.parametrize("options", [{"bits": 9}, {"bits": True}, {"scale": "mean"}])
def test_wrong_options_are_refused(options):
    with pytest.raises(ConfigError, match="WRPN"):
        WRPN(**options)
