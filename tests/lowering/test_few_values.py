# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.lowering.few_values import encoding_of_values, integer_codes

RNG = np.random.RandomState(0)


def layer(kind):
    x = nn.Variable((1, 8, 6, 6))
    if kind == "affine":
        return F.affine(nn.Variable((1, 32)), nn.Variable((32, 12))).parent
    if kind == "convolution":
        return F.convolution(x, nn.Variable((12, 8, 3, 3))).parent
    if kind == "depthwise":
        return F.depthwise_convolution(x, nn.Variable((8, 5, 5))).parent
    return F.deconvolution(x, nn.Variable((8, 12, 3, 3))).parent


@pytest.mark.parametrize("kind", ["affine", "convolution", "depthwise", "deconvolution"])
def test_whole_numbers_times_a_scale_of_each_output_are_found(kind):
    function = layer(kind)
    shape = function.inputs[1].shape
    axis = 1 if kind in ("affine", "deconvolution") else 0
    along = [1] * len(shape)
    along[axis] = -1
    scales = RNG.rand(shape[axis]).astype(np.float32).reshape(along)
    values = RNG.randint(-7, 8, shape).astype(np.float32) * scales
    found = encoding_of_values(values, function)
    assert found.axis == axis and found.bits == 4
    np.testing.assert_array_equal(found.decode(), values)


@pytest.mark.parametrize("kind", ["affine", "convolution", "depthwise", "deconvolution"])
def test_floats_are_no_codes(kind):
    function = layer(kind)
    assert encoding_of_values(RNG.randn(*function.inputs[1].shape), function) is None


def test_few_weights_are_taken_for_codes_only_if_they_are_known_to_be():
    function = F.affine(nn.Variable((1, 2)), nn.Variable((2, 2))).parent
    values = np.float32([[0.1, 0.2], [0.1, 0.2]])
    assert encoding_of_values(values, function) is None
    assert encoding_of_values(values, function, surely=True).bits == 1


def test_what_is_not_finite_is_left_alone():
    function = F.affine(nn.Variable((1, 8)), nn.Variable((8, 2))).parent
    assert encoding_of_values(np.full((8, 2), np.nan), function) is None


def test_levels_that_are_no_whole_numbers_are_no_codes():
    assert integer_codes(np.float32([0.5, 1]), np.float32([1]), None, None) is None
    assert integer_codes(np.float32([2.0**16]), np.float32([1]), None, None) is None
    odd = integer_codes(np.float32([[-255, 1], [3, 255]]), np.float32([0.5]), None, None)
    assert (odd.bits, odd.spacing) == (8, 2)  # as they are they would take 9
    assert odd.decode().tolist() == [[-127.5, 0.5], [1.5, 127.5]]
    found = integer_codes(
        np.float32([[0, 3], [1, 2]]), np.float32([1, 0.5]), np.float32([-1, 2]), 0
    )
    assert found.decode().tolist() == [[-1, 2], [1.5, 2]]
