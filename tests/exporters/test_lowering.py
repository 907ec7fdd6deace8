# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.exporters.lowering import fold_constants, lower_functions
from nnabla_compress.graph import functions
from tests.graph.networks import forward, values


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
