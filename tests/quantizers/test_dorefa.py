# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""DoReFa's weights: the formula in float64, gradients through tanh and maximum, exact storage."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import nnabla_compress.parametric_functions as CPF
from nnabla_compress.analysis.stored_encodings import encoding_of_node
from nnabla_compress.errors import ConfigError, TrainingError
from nnabla_compress.lowering.storage.coded import coded_tensor
from nnabla_compress.quantizers import DoReFa, prepare
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


def formula(w, k):
    """As the paper has it, in float64, half rounded up."""
    t = np.tanh(w.astype(np.float64))
    n = 2**k - 1
    return 2 * np.floor(n * (t / (2 * np.abs(t).max()) + 0.5) + 0.5) / n - 1


def slope(w, dy, through_max=True):
    t = np.tanh(w.astype(np.float64))
    m, i = np.abs(t).max(), np.abs(t).argmax()
    found = dy * (1 - t**2) / m
    if through_max:
        found[i] -= (1 - t[i] ** 2) * np.sign(t[i]) * (dy * t).sum() / m**2
    return found


@pytest.mark.parametrize(
    "bits, values",
    [
        (1, [0.51, 0.51, 0.51, -0.51, -0.51]),
        (2, [1, 0.333333, 0.333333, -0.333333, -1]),
        (3, [1, 0.428571, 0.142857, -0.142857, -0.714286]),
        (4, [1, 0.6, 0.066667, -0.066667, -0.733333]),
    ],
)
def test_worked_numbers(bits, values):
    _, y = node(DoReFa(bits=bits), WORKED)
    np.testing.assert_allclose(y.d, values, atol=1e-6)


def test_the_gradient_of_the_largest_weight_has_the_share_of_the_maximum():
    W, y = node(DoReFa(bits=2), WORKED)
    expected = [0.040615, 0.943374, 1.187622, 1.196544, 0.761394]
    np.testing.assert_allclose(backward(W, y, np.ones(5)), expected, atol=1e-6)


@pytest.mark.parametrize("bits", MANY)
def test_values_and_gradients_are_those_of_the_formula(bits, rng):
    w, dy = rng.randn(2, 40, 30)
    W, y = node(DoReFa(bits=bits), w)
    assert (np.abs(y.d - formula(W.d, bits)) > 1e-6).mean() < 0.002
    assert 2 ** (bits - 1) < len(np.unique(y.d)) <= 2**bits
    assert np.abs(y.d).max() == 1
    expected = slope(W.d.ravel(), dy.ravel())
    np.testing.assert_allclose(backward(W, y, dy).ravel(), expected, rtol=2e-5, atol=2e-6)


def test_gradients_without_rounding_equal_central_differences(rng):
    w, dy = rng.randn(2, 12)

    def smooth(v):
        t = np.tanh(v)
        return dy @ (t / np.abs(t).max())

    step = 1e-6
    numeric = [(smooth(w + step * e) - smooth(w - step * e)) / (2 * step) for e in np.eye(len(w))]
    W, y = node(DoReFa(bits=8), w)
    np.testing.assert_allclose(backward(W, y, dy), numeric, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bits", MANY)
def test_weights_of_zero_are_half_a_step_above_it_and_small_ones_keep_their_sign(bits):
    _, y = node(DoReFa(bits=bits), np.float32([0, -0.0, 1e-30, -1e-30, 1]))
    n = 2**bits - 1
    np.testing.assert_allclose(y.d, np.array([1, 1, 1, -1, n]) / n, atol=1e-7)


@pytest.mark.parametrize("bits", MANY)
def test_ties_between_values_are_rounded_up(bits):
    # tanh(w) / tanh(1) at the even multiples of 1 / n, which lie between two values.
    n = 2**bits - 1
    even = np.arange(-n + 1, n, 2)
    w = np.arctanh(even / n * np.tanh(1))
    up, _ = node(DoReFa(bits=bits), np.append(w + 1e-6, 1))[1].d, nn.clear_parameters()
    down = node(DoReFa(bits=bits), np.append(w - 1e-6, 1))[1].d
    np.testing.assert_allclose(up[:-1] * n, even + 1, atol=1e-4)
    np.testing.assert_allclose(down[:-1] * n, even - 1, atol=1e-4)


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("value", [0, 1e-42])
def test_weights_without_size_give_finite_values_and_gradients(bits, value):
    W, y = node(DoReFa(bits=bits), np.full((3, 4), value))
    expected = value if bits == 1 else 1 / (2**bits - 1)
    np.testing.assert_allclose(y.d, expected, rtol=1e-6)
    np.testing.assert_allclose(backward(W, y, np.full((3, 4), 2.0)), 2)
    np.testing.assert_array_equal(DoReFa.encode(y.parent).decode(), y.d)


@examples(60)
@given(
    st.lists(st.floats(-(2.0**90), 2.0**90, width=32), min_size=1, max_size=12),
    st.integers(1, 8),
    st.sampled_from([None, "mean"]),
)
def test_any_weights_become_finite_values_that_are_stored_bit_for_bit(values, bits, scale):
    nn.clear_parameters()
    w = np.float32(values)
    W, y = node(DoReFa(bits=bits, scale=scale), w)
    assert np.isfinite(y.d).all()
    assert DoReFa.encode(y.parent).decode().tobytes() == y.d.tobytes()
    if bits > 1 and scale is None:
        assert ((y.d > 0) == (w >= 0)).all()
    assert np.isfinite(backward(W, y, np.ones(w.shape))).all()


@pytest.mark.parametrize("scale", [None, "max", "mean"])
@pytest.mark.parametrize("bits", range(1, 9))
def test_encoding_lowering_and_composite_give_the_same_values(bits, scale, rng, monkeypatch):
    if (bits, scale) == (1, "max"):
        pytest.skip("1 bit has the mean magnitude always")
    w = 0.3 * rng.randn(7, 50)
    w[0, :4] = 0, -0.0, 1.5, -1.5  # the largest, twice: both take a share of the maximum's gradient
    W, y = node(DoReFa(bits=bits, scale=scale), w)
    before = y.d.copy()
    encoding = DoReFa.encode(y.parent)
    assert (encoding.bits, encoding.codes.min()) == (bits, 0)
    assert encoding.codes.max() == 2**bits - 1
    assert encoding.decode().tobytes() == before.tobytes()
    assert encoding.nbytes == -(-bits * w.size // 8) + 16
    np.testing.assert_array_equal(coded_tensor(encoding).decode(), before)
    lowered = DoReFa.lower(y.parent, [W])
    lowered.forward()
    np.testing.assert_allclose(lowered.d, before, rtol=1e-6)
    dy = rng.randn(*w.shape)
    expected = backward(W, y, dy)
    # NNabla's Max gives all of its gradient to the first of equal ones.
    others = np.abs(W.d) < 1.5
    np.testing.assert_allclose(backward(W, lowered, dy)[others], expected[others], rtol=1e-4)
    monkeypatch.setattr(QuantizerFunction, "on_cpu", False)
    np.testing.assert_allclose(backward(W, y, dy), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(y.d, before, rtol=1e-6)


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_scale_keeps_the_largest_or_the_mean_magnitude(bits, rng):
    w = 0.05 * rng.randn(50, 40)
    for scale, size in (("max", np.max), ("mean", np.mean)):
        _, y = node(DoReFa(bits=bits, scale=scale), w)
        assert size(np.abs(y.d)) == pytest.approx(size(np.abs(w)), rel=1e-5)
    _, y = node(DoReFa(bits=bits), w)
    assert np.abs(y.d).max() == 1


def test_the_scale_is_a_constant_in_the_gradient(rng):
    w, dy = rng.randn(2, 30)
    W, y = node(DoReFa(bits=3, scale="max"), w)
    expected = np.abs(W.d).max() * slope(W.d, dy)
    np.testing.assert_allclose(backward(W, y, dy), expected, rtol=1e-4, atol=1e-5)


def test_one_bit_passes_the_gradient_unchanged(rng):
    w, dy = rng.randn(2, 6, 5).astype(np.float32)
    W, y = node(DoReFa(bits=1), w)
    np.testing.assert_array_equal(backward(W, y, dy), dy)
    assert len(np.unique(np.abs(y.d))) == 1


def test_reports_know_range_and_step():
    _, y = node(DoReFa(bits=2), WORKED)
    found = encoding_of_node(y.parent)
    assert str(found) == "DoReFa 2 bit"
    assert found.range == "-1 to 1"
    assert found.step == pytest.approx(2 / 3)


def test_weights_that_are_not_finite_are_refused_by_name():
    _, y = node(DoReFa(bits=2), np.float32([1, np.inf]))
    with pytest.raises(TrainingError, match="1 of 2 values of W in layer"):
        prepare([y])
    with pytest.raises(TrainingError, match="W in layer"):
        DoReFa.encode(y.parent)


@pytest.mark.parametrize(
    "options, words",
    [
        ({"bits": 0}, "range is 1 to 8"),
        ({"bits": 9}, "range is 1 to 8"),
        ({"bits": 2.5}, "bits is 2.5"),
        ({"scale": "most"}, "scale is 'most'"),
        ({"bits": 1, "scale": "max"}, "mean magnitude always"),
    ],
)
def test_wrong_options_are_refused(options, words):
    with pytest.raises(ConfigError, match=words):
        DoReFa(**options)


def test_layers_take_it_as_their_quantizer(rng):
    x = nn.Variable.from_numpy_array(rng.randn(4, 6))
    y = CPF.quantized_affine(x, 3, quantizer=DoReFa(bits=2), name="fc")
    y.forward()
    assert len(np.unique(y.parent.inputs[1].d)) <= 4
    assert y.parent.inputs[1].parent.info.args["tensor"] == "W"


def test_it_learns_what_float_learns(rng):
    x = nn.Variable.from_numpy_array(rng.randn(256, 8))
    label = nn.Variable.from_numpy_array((x.d[:, :1] + x.d[:, 1:2] > 0).astype(int))
    h = PF.batch_normalization(PF.affine(x, 16, apply_w=DoReFa(bits=3), name="a"), name="a")
    with nn.parameter_scope("h"):
        h = DoReFa(bits=3)(h)
    loss = F.mean(F.softmax_cross_entropy(PF.affine(h, 2, name="b"), label))
    solver = S.Adam(0.02)
    solver.set_parameters(nn.get_parameters())
    first = None
    for _ in range(60):
        solver.zero_grad()
        loss.forward()
        first = first or float(loss.d)
        loss.backward()
        solver.update()
    assert float(loss.d) < 0.4 * first
