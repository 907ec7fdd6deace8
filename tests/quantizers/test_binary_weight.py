# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError

COLUMNS = np.float32([[0.5, -0.2], [0, 0.4], [-0.3, 0.9]])


def test_the_factor_of_an_output_is_the_mean_magnitude_and_zero_counts_up():
    y = Q.BinaryWeight(axis=1)(nn.Variable.from_numpy_array(COLUMNS))
    y.forward()
    expected = [[0.26666668, -0.5], [0.26666668, 0.5], [-0.26666668, 0.5]]
    np.testing.assert_allclose(y.d, expected, rtol=1e-6)


@pytest.mark.parametrize("shape, axis", [((4, 3, 3, 3), 0), ((48, 5), 1)])
def test_it_computes_what_nnablas_layer_does_with_the_same_gradient(shape, axis, rng):
    w = nn.Variable.from_numpy_array(rng.randn(*shape).astype(np.float32)).apply(need_grad=True)
    other, outputs = nn.Variable(shape), nn.Variable((shape[axis],))
    if axis:
        x = nn.Variable.from_numpy_array(rng.randn(2, 48).astype(np.float32))
        z = F.binary_weight_affine(x, w, other, outputs)
        y = F.affine(x, Q.BinaryWeight(axis=1)(w))
    else:
        x = nn.Variable.from_numpy_array(rng.randn(2, 3, 5, 5).astype(np.float32))
        z = F.binary_weight_convolution(x, w, other, outputs)
        y = F.convolution(x, Q.BinaryWeight()(w))
    gradients = []
    for output in (y, z):
        w.g = 0
        output.forward()
        output.backward(1)
        gradients.append(w.g.copy())
    np.testing.assert_allclose(y.d, z.d, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(*gradients, rtol=1e-5, atol=1e-5)


def test_its_codes_are_signs_of_one_bit_with_a_scale_for_each_output():
    y = Q.BinaryWeight(axis=1)(nn.Variable.from_numpy_array(COLUMNS))
    y.forward()
    encoding = Q.BinaryWeight.encode(y.parent)
    np.testing.assert_array_equal(encoding.decode(), y.d)
    assert encoding.axis == 1 and len(encoding.scale) == 2
    assert encoding.bits == Q.BinaryWeight.bits_of(y.parent.info.args, y.parent.inputs) == 1
    assert encoding.pack()[:1] == b"\x2d"  # +-, ++, -+: the low bits first


@pytest.mark.parametrize("zero", [0.0, 0.5, -1.0])
def test_zeros_may_become_any_part_of_the_factor(zero):
    y = Q.BinaryWeight(zero, axis=1)(nn.Variable.from_numpy_array(COLUMNS))
    y.forward()
    assert y.d[1, 0] == np.float32(zero) * np.float32(np.abs(COLUMNS[:, 0]).mean())
    encoding = Q.BinaryWeight.encode(y.parent)
    np.testing.assert_array_equal(encoding.decode(), y.d)
    assert encoding.bits == {-1.0: 1, 0.0: 2, 0.5: 3}[zero]  # five values, of both outputs


def test_outputs_of_two_axes_have_a_factor_each(rng):
    w = rng.randn(5, 7, 3).astype(np.float32)
    y = Q.BinaryWeight(axis=1)(nn.Variable.from_numpy_array(w))
    y.forward()
    np.testing.assert_allclose(np.abs(y.d[0]), np.abs(w).mean(0), rtol=1e-6)
    np.testing.assert_array_equal(Q.BinaryWeight.encode(y.parent).decode(), y.d)


def test_an_axis_that_the_weight_lacks_is_refused():
    with pytest.raises(ConfigError, match="axis is 2, the weight has the shape"):
        Q.BinaryWeight(axis=2)(nn.Variable((3, 2)))
