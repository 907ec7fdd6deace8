# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import pytest

from nnabla_compress.exporters.stored_encodings import encoding_of
from nnabla_compress.quantizers import LUT


def _codes(x, low, high):
    return F.round(F.minimum_scalar(F.maximum_scalar(x * 8, low), high)) / 8


@pytest.mark.parametrize("low, high, bits", [(-7, 7, 4), (-8, 7, 4), (-127, 127, 8), (0, 3, 2)])
def test_the_range_of_the_codes_tells_the_bits(low, high, bits):
    found = encoding_of(_codes(nn.Variable((1, 4)), low, high))
    assert (found.quantizer, found.bits) == ("Uniform", bits)


def test_functions_that_keep_values_keep_the_encoding():
    h = _codes(nn.Variable((1, 2, 4, 4)), 0, 15)
    assert str(encoding_of(F.reshape(F.max_pooling(h, (2, 2)), (1, -1)))) == "Uniform 4 bit"
    assert str(encoding_of(F.average_pooling(h, (2, 2)))) == "float"


def test_a_scale_without_rounding_is_no_encoding():
    x = nn.Variable((1, 4))
    assert str(encoding_of(x)) == str(encoding_of(x * 3)) == "float"
    assert str(encoding_of(F.round(x) * 3)) == "float"
    assert str(encoding_of(F.round(F.minimum_scalar(x, -9)) * 3)) == "float"


def test_quantizers_are_told_with_their_bits():
    x = nn.Variable((1, 4))
    assert str(encoding_of(F.pow2_quantize(x, n=3))) == "Pow2Quantize 3 bit"
    assert encoding_of(F.min_max_quantize(x, *[nn.Variable((1, 1)) for _ in range(4)])).bits is None
    weight = nn.parameter.get_parameter_or_create("l/W", (4, 2), need_grad=True)
    with nn.parameter_scope("l"):
        assert str(encoding_of(LUT(bits=3)(weight))) == "LUT 3 bit"
