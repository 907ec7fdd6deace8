# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights as numbers on a grid and scales."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.analysis.exactness import Exactness
from nnabla_compress.analysis.value_sets import Values
from nnabla_compress.encodings import Encoding
from nnabla_compress.graph import functions
from nnabla_compress.lowering.integer.layers import layer_sums
from nnabla_compress.lowering.integer.tensors import IntegerTensor
from nnabla_compress.lowering.integer.weights import integer_weight, on_grid
from nnabla_compress.quantizers.lut import nearest_on_grid


def decoded(weight):
    scale = weight.scale
    if weight.axis is not None:
        shape = [1] * weight.numbers.ndim
        shape[weight.axis] = -1
        scale = scale.reshape(shape)
    return (weight.numbers * scale).astype(np.float32)


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(np.array([[-3, 0], [2, 1]]), 3, scale=np.float32(0.3)),
        Encoding(np.array([[0, 5], [7, 1]]), 3, scale=np.float32(0.3), zero_point=4),
        Encoding(np.array([[-3, 0], [2, 1]]), 3, scale=np.float32([0.3, 7]), axis=1),
        Encoding(np.array([[0, 1], [2, 3]]), 2, dictionary=np.float32([-4, 0.5, 0.125, 1])),
        Encoding(np.array([[0, 1], [1, 0]]), 1, dictionary=np.float32([2.0**-9, 2.0**5])),
        Encoding(np.array([[0, 1], [2, 3]]), 2, dictionary=nearest_on_grid(np.r_[-1.3:2:4j], 12)),
    ],
)
def test_numbers_times_scales_are_the_weight(encoding):
    weight = integer_weight(encoding)
    np.testing.assert_array_equal(decoded(weight), encoding.decode())


def test_a_pruned_weight_and_a_free_dictionary_have_no_grid():
    values = np.sqrt(np.float32([2, 3, 5, 7]))
    assert integer_weight(Encoding(np.arange(4), 2, dictionary=values)) is None
    assert integer_weight(Encoding(np.array([0, 1]), 1, kept=np.float32([0.3]))) is None
    assert integer_weight(Encoding(np.array([0, 2**17]), 18, scale=np.float32(1))) is None


def test_unused_entries_may_be_anything():
    values = np.sqrt(np.float32([2, 3, 5, 0.25]))
    weight = integer_weight(Encoding(np.array([3, 3]), 2, dictionary=values))
    assert (weight.numbers * weight.scale).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("bits", [3, 5, 8, 11, 16])
def test_dictionaries_on_grids_are_found(bits, rng):
    for _ in range(5):
        values = nearest_on_grid(rng.randn(16), bits)
        codes, scale = on_grid(values)
        np.testing.assert_array_equal(codes.astype(np.float32) * scale, values)
        assert np.abs(codes).max() < 2 ** (bits - 1)


def test_zeros_are_on_a_grid_and_numbers_that_are_not_finite_on_none():
    assert on_grid(np.zeros(3, np.float32))[0].tolist() == [0, 0, 0]
    assert on_grid(np.float32([1, np.inf])) is None


def test_scales_belong_to_output_channels_or_are_refused():
    scales = np.float32([1, 2])
    weight = integer_weight(Encoding(np.ones((2, 2), int), 2, scale=scales, axis=1))
    y = F.affine(nn.Variable((1, 2)), nn.Variable((2, 2)))
    assert weight.scale_of_outputs(y.parent).tolist() == [1, 2]
    y = F.convolution(nn.Variable((1, 2, 3)), nn.Variable((2, 2, 1)))
    kernel = integer_weight(Encoding(np.ones((2, 2, 1), int), 2, scale=scales, axis=1))
    assert kernel.scale_of_outputs(y.parent) is None


def test_an_affine_weight_becomes_a_kernel_of_the_whole_map():
    codes = np.arange(24).reshape(8, 3)
    weight = integer_weight(Encoding(codes, 5, scale=np.float32([1, 2, 3]), axis=1))
    kernel = weight.as_convolution((2, 2, 2))
    assert kernel.axis == 0 and kernel.numbers.shape == (3, 2, 2, 2)
    np.testing.assert_array_equal(kernel.numbers.reshape(3, 8).T, codes)
    np.testing.assert_array_equal(kernel.tensor.integers, kernel.numbers)


def test_an_input_is_cut_where_sums_would_not_be_exact():
    weight = integer_weight(Encoding(np.full((600, 3), 127, np.int16), 8, scale=np.float32(0.5)))
    assert weight is not None
    x = nn.Variable((1, 600))
    y = F.affine(x, nn.Variable((600, 3)))
    exactness = Exactness([x])
    codes = IntegerTensor(F.minimum_scalar(F.maximum_scalar(F.round(x), -500), 500), 0.5)
    asked = []

    def decode(converted):
        asked.append(converted)
        return nn.Variable.from_numpy_array(converted.numbers)

    sums = [
        layer_sums(y.parent, [codes], weight, "W", exactness, decode).variable for _ in range(2)
    ]
    assert asked[0] is asked[1]
    assert [f.info.type_name for f in functions(sums)].count("Convolution") == 2 * 3
    assert exactness.values(sums[0]) == Values(-3.81e7, 3.81e7, None)
    x.d = 1000
    nn.forward_all(sums)
    assert sums[0].d.ravel().tolist() == sums[1].d.ravel().tolist() == [3.81e7] * 3
