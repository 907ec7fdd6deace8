# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import nnabla.solvers as S
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
import nnabla_compress.regularizers as R
from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers import graph_quantizers, quantizer_of
from nnabla_compress.regularizers.sinreq import chosen_weights
from nnabla_compress.solvers import Quantized


def net(second=None):
    first, second = Q.Uniform(3), second or Q.Uniform(4)
    h = PF.affine(nn.Variable((2, 16)), 8, apply_w=first, apply_b=first, name="a")
    return PF.affine(F.relu(h), 4, apply_w=second, name="b")


KINDS = {
    "uniform": lambda bits: Q.Uniform(bits),
    "fixed": lambda bits: Q.Uniform(bits, learn=None),
    "power of two": lambda bits: Q.Uniform(bits, learn="b_d", step="pow2"),
    "channels": lambda bits: Q.Uniform(bits, learn="qmax", axis=1),
    "affine": lambda bits: Q.Affine(bits=bits),
    "zero point": lambda bits: Q.Affine(bits=bits, symmetric=False, axis=1),
}


@pytest.mark.parametrize("bits", [2, 3, 8])
@pytest.mark.parametrize("kind", list(KINDS))
def test_weights_on_the_levels_of_their_own_quantizer_cost_nothing(kind, bits):
    y = PF.affine(nn.Variable((2, 16)), 8, apply_w=KINDS[kind](bits), name="a")
    y.forward()
    weight, quantized = nn.get_parameters()["a/affine/W"], y.parent.inputs[1]
    penalty = R.sinreq(y)
    penalty.forward()
    assert penalty.d > 0.1
    weight.d = quantized.d.copy()
    penalty.forward()
    assert penalty.d == 0


def test_it_is_the_sum_of_the_means_of_the_weights_without_biases():
    y = net()
    penalty = R.sinreq(y, weight=0.5)
    penalty.forward()
    expected = 0.0
    for layer in ("a/affine", "b/affine"):
        node = next(
            f
            for f in graph_quantizers([y])
            if f.info.args["name"] == layer and f.info.args["tensor"] == "W"
        )
        grid = quantizer_of(node).grid_of(node.info.args, node.inputs)
        w = node.inputs[0].d.astype(np.float64)
        rest = np.abs(w) / grid.step[0] - grid.last[0]
        tangent = 0.5 + np.pi * (rest - 0.25)
        inside = np.sin(np.pi * w / grid.step[0]) ** 2
        expected += np.where(rest > 0.25, tangent, inside).mean()
    assert float(penalty.d) == pytest.approx(0.5 * expected, rel=1e-6)


def test_it_leaves_step_and_range_alone():
    penalty = R.sinreq(net())
    for parameter in nn.get_parameters().values():
        parameter.grad.zero()
    penalty.forward()
    penalty.backward()
    for name, parameter in nn.get_parameters().items():
        assert parameter.g.any() == name.endswith("/W"), name


def test_alone_it_puts_gaussian_weights_on_levels():
    rng = np.random.RandomState(0)
    w = rng.randn(100, 100).astype(np.float32)
    y = PF.affine(
        nn.Variable((1, 100)), 100, with_bias=False, w_init=w, apply_w=Q.Uniform(3, learn=None)
    )
    term, solver = R.sinreq(y, weight=1e4), Quantized(S.Sgd(0.02))
    solver.set_parameters(nn.get_parameters())
    for _ in range(300):
        solver.zero_grad()
        term.forward()
        term.backward()
        solver.update()
    (found,) = chosen_weights([y])
    grid = found.grid()
    places = found.weight.d / grid.step[0]
    nearest = np.clip(np.rint(places), grid.first[0], grid.last[0])
    assert np.mean(np.abs(places - nearest) < 0.05) > 0.99
    assert found.distance_now() < 0.01


@pytest.mark.parametrize("quantizer", [Q.LUT(bits=2), Q.Pow2(bits=3), Q.Prune(rate=0.5)])
def test_a_quantizer_without_a_grid_is_refused_by_its_layer(quantizer):
    with pytest.raises(ConfigError, match="b/affine has no levels at equal distances") as refused:
        R.sinreq(net(second=quantizer))
    assert "uniform" in refused.value.help
    assert [each.name for each in chosen_weights([net(second=quantizer)], "a/*")] == ["a/affine"]


def test_a_network_without_quantized_weights_and_patterns_that_match_none_are_refused():
    with pytest.raises(ConfigError, match="no weight of the network is quantized"):
        R.sinreq(PF.affine(nn.Variable((2, 16)), 8, name="a"))
    with pytest.raises(ConfigError, match="no layer with a quantized weight matches c") as refused:
        chosen_weights([net()], ["c*"])
    assert "a/affine, b/affine" in refused.value.help


@pytest.mark.parametrize("weight", [0, -1, float("nan"), float("inf")])
def test_a_strength_that_is_not_positive_is_refused(weight):
    with pytest.raises(ConfigError, match="sinreq: weight is .*must be positive"):
        R.sinreq(net(), weight=weight)
