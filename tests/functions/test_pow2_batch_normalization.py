# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Power-of-two batch normalization against its definition in NumPy float64 and NNabla's own."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_compress.functions as CF
from nnabla_compress.errors import ConfigError

CASES = pytest.mark.parametrize(
    "shape, axes",
    [
        ((6, 4), [1]),
        ((4, 3, 5, 6), [1]),
        ((4, 5, 6, 3), [3]),
        ((4, 5, 6, 3), [-1]),
        ((3, 4, 5), [0]),
        ((3, 4, 5), [1, 2]),
        ((3, 4, 5, 2), [0, 2]),
    ],
    ids=str,
)


def tensors(shape, axes, rng):
    """x, beta, gamma, mean, variance as Variables with random values."""
    kept = {axis % len(shape) for axis in axes}
    per_channel = [size if axis in kept else 1 for axis, size in enumerate(shape)]
    values = [rng.randn(*shape) * 2 + 1] + [rng.randn(*per_channel) for _ in range(4)]
    values[4] = values[4] ** 2 + 0.1
    variables = [nn.Variable.from_numpy_array(v.astype(np.float32)) for v in values]
    for variable in variables[:3]:
        variable.need_grad = True
        variable.grad.zero()
    return variables


def definition(x, beta, gamma, mean, variance, axes, eps, batch_stat):
    """The formula of the docstring in float64."""
    x, beta, gamma, mean, variance = (
        v.d.astype(np.float64) for v in (x, beta, gamma, mean, variance)
    )
    if batch_stat:
        rest = tuple(a for a in range(x.ndim) if a not in {axis % x.ndim for axis in axes})
        mean, variance = x.mean(rest, keepdims=True), x.var(rest, keepdims=True)
    scale = gamma / np.sqrt(variance + eps)
    rounded = np.sign(scale) * 2.0 ** np.round(np.log2(np.abs(scale)))
    return rounded * (x - mean) + beta


@CASES
@pytest.mark.parametrize("batch_stat", [True, False])
def test_the_output_is_that_of_the_definition(shape, axes, batch_stat, rng):
    variables = tensors(shape, axes, rng)
    expected = definition(*variables, axes, 1e-3, batch_stat)
    y = CF.pow2_batch_normalization(*variables, axes=axes, eps=1e-3, batch_stat=batch_stat)
    y.forward()
    assert y.shape == shape
    np.testing.assert_allclose(y.d, expected, rtol=1e-4, atol=1e-4)


@CASES
def test_the_scale_is_a_power_of_two_and_the_rest_a_shift(shape, axes, rng):
    x, beta, gamma, mean, variance = tensors(shape, axes, rng)
    y = CF.pow2_batch_normalization(x, beta, gamma, mean, variance, axes=axes, batch_stat=False)
    y.forward()
    first = y.d.astype(np.float64)
    x.d = x.d + 1024
    y.forward()
    scale = (y.d - first) / 1024
    np.testing.assert_allclose(np.abs(np.log2(np.abs(scale)) % 1 - 0.5), 0.5, atol=1e-3)


@CASES
@pytest.mark.parametrize("batch_stat", [True, False])
def test_gradients_are_those_of_ordinary_batch_normalization(shape, axes, batch_stat, rng):
    upstream = rng.randn(*shape).astype(np.float32)
    variables = tensors(shape, axes, rng)
    gradients = []
    for function in (CF.pow2_batch_normalization, F.batch_normalization):
        copies = [nn.Variable.from_numpy_array(v.d.copy()) for v in variables]
        for variable in copies[:3]:
            variable.need_grad = True
            variable.grad.zero()
        natural = [axis % len(shape) for axis in axes]
        y = function(*copies, axes=natural, eps=1e-3, batch_stat=batch_stat)
        y.forward()
        y.backward(upstream)
        gradients.append([v.g.copy() for v in copies[:3]])
    for ours, theirs in zip(*gradients):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


@pytest.mark.parametrize("shape, axes", [((4, 3, 5), [1]), ((6, 4), [1]), ((4, 5, 3), [2])])
def test_statistics_given_out_are_nnablas_and_pass_their_gradients(shape, axes, rng):
    variables = tensors(shape, axes, rng)
    upstream = rng.randn(*shape).astype(np.float32)
    by_mean, by_variance = rng.randn(2, *variables[1].shape).astype(np.float32)
    results = []
    for function in (CF.pow2_batch_normalization, F.batch_normalization):
        copies = [nn.Variable.from_numpy_array(v.d.copy()) for v in variables]
        for variable in copies[:3]:
            variable.need_grad = True
            variable.grad.zero()
        y, mean, variance = function(*copies, axes=axes, eps=1e-3, output_stat=True)
        weights = [nn.Variable.from_numpy_array(a) for a in (upstream, by_mean, by_variance)]
        loss = sum(F.sum(out * weight) for out, weight in zip((y, mean, variance), weights))
        for out in (mean, variance):
            out.persistent = True
        loss.forward()
        loss.backward()
        results.append([mean.d.copy(), variance.d.copy(), *(v.g.copy() for v in copies[:3])])
    for ours, theirs in zip(*results):
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=2e-4)


@CASES
@pytest.mark.parametrize("decay", [0.9, 0.5, 0.0])
def test_running_statistics_decay_towards_the_mean_and_the_unbiased_variance(
    shape, axes, decay, rng
):
    variables = tensors(shape, axes, rng)
    mean, variance = (v.d.astype(np.float64) for v in variables[3:])
    natural = {axis % len(shape) for axis in axes}
    rest = tuple(axis for axis in range(len(shape)) if axis not in natural)
    y = CF.pow2_batch_normalization(*variables, axes=axes, decay_rate=decay)
    for _ in range(3):
        x = rng.randn(*shape).astype(np.float32)
        variables[0].d = x
        y.forward()
        x = x.astype(np.float64)
        mean = decay * mean + (1 - decay) * x.mean(rest, keepdims=True)
        variance = decay * variance + (1 - decay) * x.var(rest, keepdims=True, ddof=1)
    np.testing.assert_allclose(variables[3].d, mean, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(variables[4].d, variance, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape, axis", [((6, 4), 1), ((4, 3, 5, 6), 1), ((4, 5, 6, 3), 3)])
def test_running_statistics_are_nnablas(shape, axis, rng):
    variables = tensors(shape, [axis], rng)
    copies = [nn.Variable.from_numpy_array(v.d.copy()) for v in variables]
    ours = CF.pow2_batch_normalization(*variables, axes=[axis], decay_rate=0.7)
    theirs = F.batch_normalization(*copies, axes=[axis], decay_rate=0.7)
    for _ in range(3):
        variables[0].d = copies[0].d = rng.randn(*shape)
        ours.forward()
        theirs.forward()
    for a, b in zip(variables[3:], copies[3:]):
        np.testing.assert_allclose(a.d, b.d, rtol=1e-5, atol=1e-6)


def test_running_statistics_stay_while_testing(rng):
    variables = tensors((4, 3), [1], rng)
    before = [v.d.copy() for v in variables[3:]]
    CF.pow2_batch_normalization(*variables, batch_stat=False).forward()
    for variable, values in zip(variables[3:], before):
        np.testing.assert_array_equal(variable.d, values)


def test_without_scale_or_bias_they_are_one_and_zero(rng):
    x, beta, gamma, mean, variance = tensors((4, 3, 5), [1], rng)
    beta.d, gamma.d = 0, 1
    full = CF.pow2_batch_normalization(x, beta, gamma, mean, variance)
    bare = CF.pow2_batch_normalization(x, None, None, mean, variance)
    upstream = rng.randn(4, 3, 5).astype(np.float32)
    results = []
    for y in (full, bare):
        x.grad.zero()
        y.forward()
        y.backward(upstream)
        results.append((y.d.copy(), x.g.copy()))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    np.testing.assert_array_equal(results[0][1], results[1][1])


def test_gradients_of_several_uses_add_up(rng):
    x, beta, gamma, mean, variance = tensors((4, 3), [1], rng)
    c1, c2 = (nn.Variable.from_numpy_array(a) for a in rng.randn(2, 4, 3).astype(np.float32))

    def gradients(*pairs):
        for v in (x, beta, gamma):
            v.grad.zero()
        loss = sum(F.sum(y * c) for y, c in pairs)
        loss.forward()
        loss.backward()
        return [v.g.copy() for v in (x, beta, gamma)]

    def y():
        return CF.pow2_batch_normalization(x, beta, gamma, mean, variance)

    both = gradients((y(), c1), (y(), c2))
    for total, one, two in zip(both, gradients((y(), c1)), gradients((y(), c2))):
        np.testing.assert_allclose(total, one + two, rtol=1e-5, atol=1e-6)


def test_what_needs_no_gradient_gets_none(rng):
    x, beta, gamma, mean, variance = tensors((4, 3), [1], rng)
    gamma.need_grad = False
    gamma.g = 7
    y = CF.pow2_batch_normalization(x, beta, gamma, mean, variance)
    y.forward()
    y.backward(rng.randn(4, 3).astype(np.float32))
    assert (gamma.g == 7).all() and x.g.any() and beta.g.any()
    assert (mean.need_grad, variance.need_grad) == (False, False)


@pytest.mark.parametrize("axes", [[], [4], [1, 9], [-5]])
def test_axes_that_the_input_does_not_have_are_refused(axes, rng):
    variables = tensors((4, 3), [1], rng)
    with pytest.raises(ConfigError, match=r"the input has the shape \(4, 3\)"):
        CF.pow2_batch_normalization(*variables, axes=axes)


def test_statistics_that_are_not_computed_can_not_be_given_out(rng):
    with pytest.raises(ConfigError, match="output_stat needs batch_stat"):
        CF.pow2_batch_normalization(*tensors((4, 3), [1], rng), batch_stat=False, output_stat=True)


def test_the_node_describes_itself(rng):
    y = CF.pow2_batch_normalization(*tensors((4, 3), [1], rng), axes=[-1], decay_rate=0.5, eps=0.25)
    assert y.parent.info.type_name == "nnabla_compress.Pow2BatchNormalization"
    assert y.parent.info.args == {
        "axes": [1],
        "decay_rate": 0.5,
        "eps": 0.25,
        "batch_stat": True,
        "output_stat": False,
    }
