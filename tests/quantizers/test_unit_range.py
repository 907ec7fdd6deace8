# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Activations between 0 and 1, which are the same for all quantizers of fixed ranges."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.analysis.recognize import recognize
from nnabla_compress.analysis.stored_encodings import encoding_of
from nnabla_compress.errors import ConfigError, InfeasibleBudgetError, TrainingError
from nnabla_compress.quantizers.base import QuantizerFunction
from nnabla_compress.quantizers.unit_range import activation_step
from nnabla_compress.regularizers import MemoryBudget, memory_budget
from nnabla_compress.solvers import Quantized

KINDS = [Q.DoReFa, Q.WRPN]
EVERY = [(kind, bits) for kind in KINDS for bits in range(1, 9) if (kind, bits) != (Q.WRPN, 1)]


def quantized(kind, bits, x):
    variable = nn.Variable.from_numpy_array(x)
    variable.need_grad = True
    y = kind(bits=bits)(variable)
    y.forward()
    return variable, y


@pytest.mark.parametrize(
    "bits, values",
    [
        (1, [1, 1, 0, 0, 0]),
        (2, [1, 0.666667, 0, 0, 0]),
        (3, [1, 0.571429, 0.142857, 0, 0]),
        (4, [1, 0.533333, 0.133333, 0, 0]),
    ],
)
def test_worked_numbers(bits, values):
    _, y = quantized(Q.DoReFa, bits, np.float32([1.2, 0.5, 0.1, -0.05, -0.7]))
    np.testing.assert_allclose(y.d, values, atol=1e-6)


@pytest.mark.parametrize("kind, bits", EVERY)
def test_values_and_gradients_are_those_of_the_formula(kind, bits, rng):
    n = 2**bits - 1
    x = rng.uniform(-0.5, 1.5, 4001).astype(np.float32)
    x[:5] = 0, 1, 1.5 / n if n > 1 else 0.5, -0.0, np.nextafter(np.float32(1), np.float32(2))
    variable, y = quantized(kind, bits, x)
    scaled = np.clip(x, 0, 1) * np.float32(n)
    codes = np.floor(scaled.astype(np.float64) + 0.5)
    np.testing.assert_array_equal(y.d, codes.astype(np.float32) * activation_step(bits))
    assert len(np.unique(y.d)) == 2**bits
    dy = rng.randn(x.size).astype(np.float32)
    variable.g = 1
    y.backward(dy)
    np.testing.assert_array_equal(variable.g - 1 + 1, 1 + np.where((x > 0) & (x <= 1), dy, 0))


@pytest.mark.parametrize("kind, bits", EVERY)
def test_it_is_encoded_lowered_and_composed_value_for_value(kind, bits, rng, monkeypatch):
    n = 2**bits - 1
    ties = (np.arange(n + 1) - 0.5) / n
    x = np.concatenate([rng.uniform(-0.2, 1.2, 500), ties]).astype(np.float32)
    variable, y = quantized(kind, bits, x)
    encoding = kind.encode(y.parent)
    assert encoding.bits == bits
    np.testing.assert_array_equal(encoding.decode(), y.d)
    lowered = kind.lower(y.parent, [variable])
    lowered.forward()
    np.testing.assert_array_equal(lowered.d, y.d)
    found = recognize(lowered.parent)
    assert (found.low, found.high, found.bits) == (0, n, bits)
    dy = rng.randn(x.size).astype(np.float32)
    gradients = []
    for composite, output in ((False, y), (True, y), (False, lowered)):
        monkeypatch.setattr(QuantizerFunction, "on_cpu", not composite)
        output.forward()
        np.testing.assert_array_equal(output.d, y.d)
        variable.g = 0
        output.backward(dy)
        gradients.append(variable.g.copy())
    np.testing.assert_array_equal(gradients[0], gradients[1])
    # By functions the gradient is multiplied by n and by 1 / n.
    np.testing.assert_allclose(gradients[0], gradients[2], rtol=1e-6)


def test_reports_name_bits_step_and_range():
    _, y = quantized(Q.WRPN, 3, np.float32([0.3, 0.4]))
    found = encoding_of(y)
    assert str(found) == "WRPN 3 bit"
    assert found.range == "0 to 1"
    assert found.step == activation_step(3)


def test_behind_a_relu_nothing_below_1_changes(rng):
    x = nn.Variable.from_numpy_array(rng.randn(100))
    plain, behind = Q.DoReFa(bits=4)(x), Q.DoReFa(bits=4)(F.relu(x))
    nn.forward_all([plain, behind])
    np.testing.assert_array_equal(plain.d, behind.d)


LEARNING = [Q.DoReFa(bits=6, learn="b"), Q.WRPN(bits=6, scale="max", learn="b", min_bits=3)]


def learning(quantizer, rng):
    """A layer whose weight learns its bits, and the parameter that holds them."""
    x = nn.Variable.from_numpy_array(rng.randn(4, 40))
    with nn.parameter_scope("net"):
        y = PF.affine(x, 30, with_bias=False, apply_w=quantizer, name="fc")
    y.forward()
    (b,) = (v for path, v in nn.get_parameters().items() if path.endswith("/b"))
    return y, y.parent.inputs[1].parent, b


@pytest.mark.parametrize("quantizer", LEARNING, ids=str)
def test_learned_bits_are_rounded_bounded_and_stored(quantizer, rng):
    y, node, b = learning(quantizer, rng)
    kind = type(quantizer)
    assert sorted(nn.get_parameters()) == ["net/fc/affine/W", f"net/fc/affine/{kind.scope}/b"]
    for value, bits in ((4.49, 4), (4.5, 5), (99, 8), (-3, quantizer.min_bits)):
        b.d = value
        y.forward()
        assert kind.bits_of(node.info.args, node.inputs) == bits
        assert quantizer.min_bits <= b.d[0] <= 8
        encoding = kind.encode(node)
        assert encoding.bits == bits
        assert encoding.decode().tobytes() == node.outputs[0].d.tobytes()
        fixed = kind(bits=bits, scale=quantizer.scale)(node.inputs[0])
        same = kind.lower(node, node.inputs)
        same.forward()
        np.testing.assert_allclose(same.d, node.outputs[0].d, rtol=1e-6)
        assert fixed.parent.info.args["learn"] is None


@pytest.mark.parametrize("quantizer", LEARNING, ids=str)
def test_the_loss_has_no_gradient_for_bits_and_a_budget_has(quantizer, rng):
    y, node, b = learning(quantizer, rng)
    b.g = 5
    y.backward()
    assert b.g[0] == 5  # gradients of parameters add up
    penalty = memory_budget(y, weights="0.7 kB")  # 1,200 weights: 4.8 bits
    loss = F.mean(y**2) + 100 * penalty
    solver = Quantized(S.Momentum(0.5, 0.5), 1)
    solver.set_parameters(nn.get_parameters())
    for _ in range(30):
        solver.zero_grad()
        loss.forward()
        loss.backward()
        solver.update()
    assert type(quantizer).bits_of(node.info.args, node.inputs) == 4


@pytest.mark.parametrize("quantizer", LEARNING, ids=str)
def test_a_budget_takes_bits_down_to_the_fewest(quantizer, rng):
    y, node, b = learning(quantizer, rng)
    budget = MemoryBudget([y], weights="0.5 kB")
    budget.enforce()
    assert budget.fits
    assert type(quantizer).bits_of(node.info.args, node.inputs) == 3
    with pytest.raises(InfeasibleBudgetError):
        MemoryBudget([y], weights="0.1 kB")


def test_bits_of_activations_are_learned_in_a_scope_of_their_own(rng):
    x = nn.Variable.from_numpy_array(rng.uniform(0, 1, (3, 100)))
    with nn.parameter_scope("a"):
        y = Q.WRPN(bits=8, learn="b")(F.relu(x))
    nn.get_parameters()["a/wrpn/b"].d = 2.2
    y.forward()
    assert len(np.unique(y.d)) == 4
    assert Q.WRPN.encode(y.parent).bits == 2


def test_bits_that_are_not_finite_are_refused_by_name(rng):
    _, node, b = learning(LEARNING[0], rng)
    b.d = np.nan
    with pytest.raises(TrainingError, match="values of b in net/fc/affine"):
        Q.DoReFa.bits_of(node.info.args, node.inputs)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "options", [{"learn": "d"}, {"bits": 4, "max_bits": 3}, {"bits": 4, "min_bits": 5}]
)
def test_limits_without_a_meaning_are_refused(kind, options):
    with pytest.raises(ConfigError, match=kind.__name__):
        kind(**options)
