# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.encodings import Encoding
from nnabla_compress.lowering.coded_weights import CodedWeights

CODES = np.int8([[-3, 0, 1], [2, -1, 3]])
ENCODINGS = {
    "one scale": Encoding(CODES, 3, scale=np.float32(0.5)),
    "a scale for each output": Encoding(CODES, 3, scale=np.float32([0.5, 1, 2]), axis=1),
    "a dictionary": Encoding(
        (CODES + 3).astype(np.uint8), 3, dictionary=np.float32([-6, -4, -2, 0, 2, 4, 6, 8])
    ),
}


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_kernel_holds_the_values_of_its_weight_from_the_same_codes(name):
    weight = nn.Variable((2, 3))
    weights = CodedWeights({weight.data: ENCODINGS[name]})
    kernel = weights.kernel(weight, F.affine(nn.Variable((1, 2)), weight).parent)
    expected = ENCODINGS[name].decode().T.reshape(3, 2, 1, 1)
    np.testing.assert_array_equal(weights.encoding(kernel.data).decode(), expected)
    np.testing.assert_array_equal(weights.tensor(kernel.data).decode(), expected)
    first, second = (weights.tensor(v.data).index for v in (kernel, weight))
    assert np.shares_memory(getattr(first, "codes", first), getattr(second, "codes", second))
    assert weights.origin(kernel.data) == weights.origin(weight.data) == weight.data
    assert np.size(weights.scales(kernel)) == (3 if name == "a scale for each output" else 1)


def test_scales_along_the_inputs_have_no_kernel():
    weight = nn.Variable((2, 3))
    encoding = Encoding(CODES, 3, scale=np.float32([0.5, 1]), axis=0)
    weights = CodedWeights({weight.data: encoding})
    assert weights.kernel(weight, F.affine(nn.Variable((1, 2)), weight).parent) is None
    assert list(weights.kernels) == []


def test_codes_of_a_byte_are_summed_and_wider_ones_or_shifted_ones_are_not():
    sums = {}
    for name, encoding in {
        "byte": Encoding(np.int16([-128, 127]), 16, scale=np.float32(1)),
        "wider": Encoding(np.int16([-128, 128]), 16, scale=np.float32(1)),
        "shifted": Encoding(
            np.int8([[0, 1], [1, 0]]), 8, np.float32([1, 1]), np.array([0, 1]), axis=1
        ),
        "pruned": Encoding(np.int8([0, 1]), 1, kept=np.float32([2])),
    }.items():
        weight = nn.Variable(encoding.shape)
        sums[name] = CodedWeights({weight.data: encoding}).sums_codes(weight.data)
    assert sums == {"byte": True, "wider": False, "shifted": False, "pruned": False}
