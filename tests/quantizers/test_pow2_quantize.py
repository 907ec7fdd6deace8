# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np

import nnabla_compress.quantizers as Q


def values_of(quantizer, values):
    y = quantizer(nn.Variable.from_numpy_array(np.float32(values)))
    y.forward()
    return y.d.tolist(), y


def test_three_bits_with_zero_are_zero_one_and_two():
    found, y = values_of(Q.Pow2Quantize(3, 1), [0.7, 0.71, 1.41, 1.42, 1.49, 9, -9])
    assert found == [0, 1, 1, 2, 2, 2, -2]
    encoding = Q.Pow2Quantize.encode(y.parent)
    assert encoding.bits == 3 and encoding.decode().tolist() == found


def test_without_zero_the_smallest_magnitude_takes_its_place():
    found, _ = values_of(Q.Pow2Quantize(3, 1, zero=False), [0, 0.1, -0.1, 5])
    assert found == [0.25, 0.25, -0.25, 2]


def test_unsigned_without_zero_negatives_become_the_smallest():
    found, _ = values_of(Q.Pow2Quantize(3, 1, signed=False, zero=False), [-3, 5])
    assert found == [2.0**-6, 2]


def test_our_quantizer_of_the_same_range_rounds_to_the_same_values(rng):
    x = nn.parameter.get_parameter_or_create("W", (8, 9), 2 * rng.randn(8, 9))
    theirs = Q.Pow2Quantize(4, 1)(x)
    ours = Q.Pow2(4, zero=True, learn="qmax", initial_q_max=2.0)(x)
    nn.forward_all([theirs, ours])
    np.testing.assert_array_equal(theirs.d, ours.d)
