# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.analysis.native_quantizers import fused_layer, quantizer_of_call

X, W = nn.Variable((1, 4)), nn.Variable((4, 3))
ONE = [nn.Variable((1, 1)) for _ in range(4)]


@pytest.mark.parametrize(
    "y, expected",
    [
        (
            F.fixed_point_quantize(W, False, 4, 0.5, ste_fine_grained=False),
            Q.FixedPoint(4, 0.5, False, False),
        ),
        (F.pow2_quantize(W, True, False, 5, -1), Q.Pow2Quantize(5, -1, True, False)),
        (F.prune(W, 0.5), Q.PruneRate(0.5)),
        (F.relu(W), None),
        (F.quantize_linear(W, *ONE[:2]), None),
        (
            F.dequantize_linear(F.quantize_linear(W, *ONE[:2], narrow_range=True), *ONE[:2]),
            Q.LinearCodes(narrow_range=True),
        ),
        (F.dequantize_linear(F.quantize_linear(W, *ONE[:2]), *ONE[2:]), None),
        (F.fixed_point_quantize(W, n=30), None),
    ],
)
def test_a_function_is_the_quantizer_of_its_arguments(y, expected):
    assert quantizer_of_call(y.parent) == expected


def test_the_range_of_min_max_may_be_that_of_the_tensor():
    found = quantizer_of_call(F.min_max_quantize(W, *ONE, x_min_max=True).parent)
    assert (found.x_min_max, found.ema) == (True, False)


def test_the_iteration_of_inq_that_is_listed_last_is_the_last():
    y = F.inq_affine(X, W, nn.Variable((4, 3)), None, 1, 3, (1, 9, 4))
    assert fused_layer(y.parent).quantizer.iterations == (1, 4)


def test_inq_of_more_bits_is_one_of_eight_and_of_one_bit_stays_nnablas():
    many, one = (F.inq_affine(X, W, nn.Variable((4, 3)), None, 1, n, (1,)) for n in (16, 1))
    assert fused_layer(many.parent).quantizer.bits == 8
    assert fused_layer(one.parent) is None


def test_a_fused_layer_is_a_plain_one_and_its_quantizer():
    y = F.inq_affine(X, W, nn.Variable((4, 3)), None, 1, 3, (5, 9), "random", 7)
    found = fused_layer(y.parent)
    assert (found.type_name, found.args, found.bias) == ("Affine", {"base_axis": 1}, 3)
    assert found.quantizer == Q.INQ(3, (5, 9), "random", 7)
    y = F.binary_weight_affine(X, W, nn.Variable((4, 3)), nn.Variable((3,)), None, 1, -1.0)
    assert fused_layer(y.parent).quantizer == Q.BinaryWeight(-1.0, axis=1)
    image, kernel = nn.Variable((1, 2, 9, 9)), nn.Variable((4, 2, 3, 3))
    y = F.binary_connect_convolution(image, kernel, kernel, stride=(2, 2), pad=(1, 1))
    found = fused_layer(y.parent)
    assert found.type_name == "Convolution" and found.quantizer == Q.BinaryConnect()
    assert (found.args["stride"], found.args["pad"]) == ([2, 2], [1, 1])
