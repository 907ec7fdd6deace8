# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.graph import functions
from nnabla_compress.lowering.native import fold_constants, lower_functions
from tests.graph.networks import forward, values

CLIP = "MaximumScalar MinimumScalar"
CHAIN = f"MulScalar Round {CLIP} MulScalar"
UNSIGNED = "ReLU MulScalar Round MinimumScalar MulScalar"


def types(output):
    return [function.info.type_name for function in functions([output])]


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (F.global_average_pooling, ["AveragePooling"]),
        (F.relu6, ["MaximumScalar", "MinimumScalar"]),
        (F.hard_tanh, ["MaximumScalar", "MinimumScalar"]),
        (F.hard_sigmoid, ["MulScalar", "AddScalar", "MaximumScalar", "MinimumScalar"]),
        (lambda x: F.add_n(x, x, x), ["Add2", "Add2"]),
        (lambda x: F.mul_n(x, x, x), ["Mul2", "Mul2"]),
        (lambda x: F.mean(x, axis=(2, 3)), ["Sum", "MulScalar"]),
        (lambda x: F.mean(x, axis=-1, keepdims=True), ["Sum", "MulScalar"]),
        (lambda x: F.identity(F.exp(x)), ["Exp"]),
        (lambda x: F.softmax(x, axis=-2), ["Softmax"]),
        (lambda x: F.stack(x, F.exp(x), axis=-1), ["Exp", "Stack"]),
        (lambda x: F.flip(x, axes=[-1, 1]), ["Flip"]),
        (lambda x: F.slice(x, start=(-2, -4), stop=(6, 6), step=(1, 2)), ["Slice"]),
    ],
)
def test_rewrites_compute_the_same(build, expected):
    x = nn.Variable.from_numpy_array(4 * values(2, 3, 6, 6))
    y = build(x)
    (lowered,) = lower_functions([y], [x])
    assert types(lowered) == expected
    np.testing.assert_allclose(forward(lowered), forward(y), rtol=1e-5, atol=1e-6)
    args = [value for f in functions([lowered]) for key, value in f.info.args.items()
            if key in ("axis", "axes", "start")]  # fmt: skip
    assert all(np.min(value) >= 0 for value in args)


TIES = np.float32([-3, -2.5, -1.5, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 1.5, 2.5, 7, 1e7, -1e7, 0.75])


@pytest.mark.parametrize("build", [F.floor, F.ceil])
def test_rounding_down_and_up_is_exact_for_ties_and_whole_numbers(build):
    x = nn.Variable.from_numpy_array(TIES.reshape(2, 8))
    (lowered,) = lower_functions([build(x)], [x])
    np.testing.assert_array_equal(forward(lowered), forward(build(x)))
    assert set(types(lowered)) <= {"Round", "Sub2", "Add2", "Sign", "ReLU"}


def ones(*shape, value=1.0):
    return nn.Variable.from_numpy_array(np.full(shape, value, np.float32))


@pytest.mark.parametrize(
    ("build", "expected"),
    [
        (lambda x: F.broadcast(F.max(x, axis=(2, 3), keepdims=True), x.shape), "MaxPooling Mul2"),
        (lambda x: F.tile(x, (1, 2, 1, 3)), "Concatenate Concatenate"),
        (lambda x: F.max(x, axis=(2, 3)), "MaxPooling Reshape"),
        (lambda x: F.min(x, axis=(-1, -2), keepdims=True), "MulScalar MaxPooling MulScalar"),
        (lambda x: F.fixed_point_quantize(x, n=5, delta=0.25), CHAIN),
        (lambda x: F.fixed_point_quantize(x, sign=False, n=3, delta=0.5), UNSIGNED),
        (lambda x: quantize_linear(x, 0.25, 3, np.int8), "MulScalar Round Add2 " + CLIP),
        (lambda x: quantize_linear(x, 0.125, 9, np.uint8, True), "MulScalar Round Add2 " + CLIP),
        (lambda x: F.dequantize_linear(x, ones(1, 1, 1, 1, value=0.3), ones(1, 1, 1, 1)),
         "Sub2 MulScalar"),
        (lambda x: F.dequantize_linear(x, ones(1, 3, 1, 1, value=0.3), ones(1, 3, 1, 1)),
         "Sub2 Mul2"),
    ],
)  # fmt: skip
def test_rewrites_of_single_operations_are_exact(build, expected):
    x = nn.Variable.from_numpy_array(np.round(8 * values(2, 3, 4, 6)) / 8 * 4)
    (lowered,) = lower_functions([build(x)], [x])
    assert " ".join(types(lowered)) == expected
    np.testing.assert_array_equal(forward(lowered), forward(build(x)))


def quantize_linear(x, scale, zero_point, dtype, narrow=False):
    scale, zero_point = ones(1, 1, 1, 1, value=scale), ones(1, 1, 1, 1, value=zero_point)
    return F.quantize_linear(x, scale, zero_point, "HALF_AWAY_FROM_ZERO", narrow, dtype)


@pytest.mark.parametrize("divisor", [1, 3])
@pytest.mark.parametrize("bias", [True, False])
def test_a_depthwise_deconvolution_is_a_grouped_one(divisor, bias):
    x = nn.Variable.from_numpy_array(values(2, 6, 4, 5))
    w = nn.Variable.from_numpy_array(values(6, 3, 2, seed=1))
    b = nn.Variable.from_numpy_array(values(6 // divisor, seed=2)) if bias else None
    y = F.depthwise_deconvolution(x, w, b, pad=(1, 0), stride=(2, 1), divisor=divisor)
    (lowered,) = lower_functions([y], [x])
    assert types(lowered) == ["Reshape", "Deconvolution"]
    np.testing.assert_allclose(forward(lowered), forward(y), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("transpose_a", [True, False])
@pytest.mark.parametrize("transpose_b", [True, False])
def test_a_product_with_a_parameter_is_an_affine(transpose_a, transpose_b):
    x = nn.Variable.from_numpy_array(values(2, 5, 4))
    inner, outer = (5, 4) if transpose_a else (4, 5)
    matrix = nn.Variable.from_numpy_array(
        values(1, *((3, inner) if transpose_b else (inner, 3)), seed=1)
    )
    y = F.batch_matmul(x, F.broadcast(matrix, (2, *matrix.shape[1:])), transpose_a, transpose_b)
    z = F.batch_matmul(x, matrix, transpose_a, transpose_b)
    (lowered,) = lower_functions([z], [x])
    assert types(lowered) == (["Transpose"] if transpose_a else []) + ["Affine"]
    assert lowered.shape == (2, outer, 3)
    np.testing.assert_allclose(forward(lowered), forward(y), rtol=1e-5, atol=1e-6)


def test_what_has_no_rewrite_stays():
    x = nn.Variable((2, 3, 4, 4))
    for y in (
        F.batch_matmul(x, nn.Variable((1, 3, 4, 4))),  # one of them for all samples
        F.max(x, axis=1),
        F.max(x, axis=(2, 3), with_index=True, only_index=True),
        F.tile(x, (2, 1, 1, 1)),
        F.quantize_linear(x, ones(1, 1, 1, 1), ones(1, 1, 1, 1), "HALF_TO_EVEN", False, np.int8),
        F.quantize_linear(x, F.exp(x), ones(1, 1, 1, 1), "HALF_TO_EVEN", False, np.int8),
    ):
        (lowered,) = lower_functions([y], [x])
        assert types(lowered) == types(y)


def test_an_affine_does_not_share_its_weight_with_another_function():
    x = nn.Variable.from_numpy_array(values(2, 4))
    y = PF.affine(PF.affine(x, 4, name="s"), 4, name="s")
    (lowered,) = lower_functions([y], [x])
    weights = {function.inputs[1].data for function in functions([lowered])}
    assert len(weights) == 2
    np.testing.assert_array_equal(forward(lowered), forward(y))


def test_what_depends_on_parameters_only_is_computed_once_and_leaves_them_alone():
    x = nn.Variable.from_numpy_array(values(2, 4))
    w = nn.Variable.from_numpy_array(values(4, 3, seed=1))
    before = w.d.copy()
    y = F.affine(x, F.relu(F.mul_scalar(w, 2, inplace=True), inplace=True))
    (folded,) = fold_constants([y], [x], {w.data: "f/W"})
    assert types(folded) == ["Affine"] and folded.parent.inputs[1].name == "f/W"
    np.testing.assert_array_equal(w.d, before)
    np.testing.assert_array_equal(folded.parent.inputs[1].d, np.maximum(2 * before, 0))


def test_random_numbers_are_no_constants():
    x = nn.Variable((2, 4))
    y = F.add2(x, F.randn(shape=(2, 4)))
    assert types(fold_constants([y], [x], {})[0]) == ["Randn", "Add2"]
