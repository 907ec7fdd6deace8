# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import math

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
import nnabla_compress.regularizers as R
from nnabla_compress.errors import ConfigError, InfeasibleBudgetError


def net(bits: int = 4, activation_bits: int = 6, **options: object) -> nn.Variable:
    """64x64 and 64x16 weights, one map of 64: 2560 B of weights at 4 bits, 48 B of map at 6."""
    x = nn.Variable.from_numpy_array(np.random.RandomState(0).randn(2, 64).astype(np.float32))
    w = Q.Uniform(bits, **options)
    h = F.relu(PF.affine(x, 64, with_bias=False, apply_w=w, name="a"))
    h = Q.Uniform(activation_bits, signed=False)(h)
    return PF.affine(h, 16, with_bias=False, apply_w=w, name="b")


def test_the_penalty_is_the_squared_excess_of_each_budget_in_kilobytes():
    y = net()
    y.forward()
    budget = R.MemoryBudget([y], weights="2 kB", activations="40 B", activations_max="48 B")
    penalty = budget.penalty()
    penalty.forward()
    expected = 0.1 * ((2560 - 2048) ** 2 + (48 - 40) ** 2 + 0) / 1024**2
    assert float(penalty.d) == pytest.approx(expected, rel=1e-5)
    assert budget.penalty_now() == pytest.approx(expected, rel=1e-9)
    assert budget.sizes() == {"weights": 2560, "activations": 48, "activations_max": 48}
    assert not budget.fits


def test_a_network_within_its_budget_has_no_penalty_and_no_gradient():
    y = net()
    y.forward()
    penalty = R.memory_budget(y, weights="3 kB")
    for parameter in nn.get_parameters().values():
        parameter.grad.zero()
    penalty.forward()
    penalty.backward()
    assert float(penalty.d) == 0
    assert all(not parameter.g.any() for parameter in nn.get_parameters().values())


def test_the_gradient_reaches_step_and_range_through_the_bits():
    y = net()
    y.forward()
    penalty = R.memory_budget(y, weights="2 kB", weight=0.5)
    parameters = nn.get_parameters()
    for parameter in parameters.values():
        parameter.grad.zero()
    penalty.forward()
    penalty.backward()
    d, q_max = parameters["a/affine/uniform/d"], parameters["a/affine/uniform/q_max"]
    # bits = log2(q_max / d + 1) + 1, size = 4096 bits / 8192 kB, excess half a kB
    by_bits = 2 * 0.5 * 0.5 * 4096 / 8192
    limit = round(float(q_max.d[0] / d.d[0]))
    by_range = 1 / (math.log(2) * (limit + 1) * float(d.d[0]))
    assert float(q_max.g[0]) == pytest.approx(by_bits * by_range, rel=1e-4)
    assert float(d.g[0]) == pytest.approx(-by_bits * by_range * limit, rel=1e-4)


def test_only_the_largest_activation_is_pulled_by_activations_max():
    x = nn.Variable.from_numpy_array(np.ones((1, 32), np.float32))
    with nn.parameter_scope("large"):
        h = Q.Uniform(4, signed=False)(F.relu(x))
    with nn.parameter_scope("small"):
        y = Q.Uniform(4, signed=False)(F.relu(PF.affine(h, 8)))
    y.forward()
    penalty = R.memory_budget(y, activations_max="10 B", weight=1e4)
    penalty.forward()
    for parameter in nn.get_parameters().values():
        parameter.grad.zero()
    penalty.backward()
    assert nn.get_parameters()["large/uniform/d"].g[0] < 0
    assert nn.get_parameters()["small/uniform/d"].g[0] == 0


@pytest.mark.parametrize("learn", ["d_qmax", "b_d", "b_qmax"])
def test_what_is_left_above_the_budget_is_taken_away(learn):
    y = net(learn=learn)
    y.forward()
    budget = R.MemoryBudget([y], weights="1.6 kB", activations_max="33 B")
    assert not budget.fits
    moved = budget.enforce()
    assert moved and budget.fits
    y.forward()
    sizes = [
        len(np.unique(f.outputs[0].d)) for f in Q.graph_quantizers([y]) if f.info.args["tensor"]
    ]
    assert all(size <= 2**4 for size in sizes)
    assert budget.enforce() == []


def test_held_bits_go_down_only_while_steps_still_learn():
    y = net(bits=4)
    y.forward()
    budget = R.MemoryBudget([y], weights="3 kB")
    before = budget.bits()
    d = nn.get_parameters()["a/affine/uniform/d"]
    d.d = d.d / 3  # more steps in the same range: one or two bits more
    assert budget.bits() != before
    budget.hold(before)
    assert budget.bits() == before
    d.d = d.d * 0.99
    changed = float(d.d[0])
    budget.hold(before)
    assert budget.bits() == before
    assert float(d.d[0]) == changed


@pytest.mark.parametrize("learn", ["qmin_qmax", "b_qmax", "b_qmin"])
def test_powers_of_two_can_lose_bits_too(learn):
    w = Q.Pow2(5, learn=learn)
    y = PF.affine(nn.Variable((1, 64)), 64, with_bias=False, apply_w=w)
    y.forward()
    budget = R.MemoryBudget([y], weights="1.5 kB")
    before = nn.get_parameters(grad_only=False)["affine/W"].d.copy()
    budget.enforce()
    assert budget.fits
    assert budget.sizes()["weights"] <= 1536
    np.testing.assert_array_equal(nn.get_parameters(grad_only=False)["affine/W"].d, before)


def test_a_training_with_the_penalty_ends_within_the_budget_of_its_encodings():
    import nnabla.solvers as S

    import nnabla_compress.solvers as CS

    y = net(bits=6, rate=1)
    loss = F.mean(y**2)
    budget = R.MemoryBudget([y], weights="2 kB", strength=10)
    objective = loss + budget.penalty()
    solver = CS.LUTQ(S.Momentum(0.02, 0.9))
    solver.set_parameters(nn.get_parameters())
    for _ in range(120):
        solver.zero_grad()
        objective.forward()
        objective.backward()
        for function in budget.learned():
            quantizer = Q.quantizer_of(function.function)
            quantizer.before_update(function.function.info.args, function.function.inputs)
        solver.update()
    assert budget.sizes()["weights"] < 3840
    budget.enforce()
    encodings = [
        Q.quantizer_of(f).encode(f) for f in Q.graph_quantizers([y]) if f.info.args["tensor"]
    ]
    assert sum(encoding.bits * encoding.codes.size / 8 for encoding in encodings) <= 2048


@pytest.mark.parametrize(
    "budget, error, message",
    [
        ({}, ConfigError, "no budget is given"),
        ({"weights": "70 kilo"}, ConfigError, "unknown unit"),
        ({"weights": -1}, ConfigError, "not positive"),
        ({"weights": "1 kB"}, InfeasibleBudgetError, r"1.00 kB requested, .* is 1.25 kB"),
        ({"activations_max": "1 B"}, InfeasibleBudgetError, "1 B requested"),
        ({"weights": "2 kB", "weight": 0}, ConfigError, "weight is 0"),
        ({"weights": "2 kB", "weight": float("nan")}, ConfigError, "weight is nan"),
    ],
)
def test_a_budget_without_sense_is_refused(budget, error, message):
    with pytest.raises(error, match=message):
        R.memory_budget(net(), **budget)


def test_a_budget_for_bits_that_nobody_learns_is_refused():
    with pytest.raises(ConfigError, match="no tensor .* learns its bits"):
        R.memory_budget(net(learn="qmax"), weights="2 kB")


def test_the_description_names_what_can_be_reached():
    (line,) = R.MemoryBudget([net()], weights="2 kB").describe()
    assert "budget 2.00 kB" in line
    assert "reachable 1.25 kB to 5.00 kB" in line
    assert "2 of 2 tensors" in line
