# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.analysis.stored_encodings import encoding_of
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


def test_nnablas_own_quantizers_tell_their_range():
    x = nn.Variable((1, 4))
    found = encoding_of(F.fixed_point_quantize(x, sign=True, n=4, delta=0.5))
    assert (found.bits, found.step, found.low, found.high) == (4, 0.5, -3.5, 3.5)
    found = encoding_of(F.fixed_point_quantize(x, sign=False, n=2, delta=0.5))
    assert (found.step, found.low, found.high) == (0.5, 0.0, 1.5)


@pytest.mark.parametrize("sign", [True, False])
@pytest.mark.parametrize("with_zero", [True, False])
def test_the_range_of_nnablas_powers_of_two_is_what_it_computes(sign, with_zero):
    x = nn.Variable.from_numpy_array(np.geomspace(2.0**-20, 8, 400).reshape(1, -1))
    y = F.pow2_quantize(x, sign=sign, with_zero=with_zero, n=4, m=1)
    y.forward()
    found = encoding_of(y)
    assert found.high == y.d.max() == 2.0
    assert found.step == y.d[y.d > 0].min()
    assert found.low == (-2.0 if sign else 0.0 if with_zero else found.step)


def test_absurd_arguments_take_no_time():
    x = nn.Variable((1, 4))
    assert encoding_of(F.fixed_point_quantize(x, n=2**31 - 1, delta=1.0)).bits == 2**31 - 1
    assert encoding_of(F.pow2_quantize(x, n=2**31 - 1, m=2**31 - 1)).high > 1e100
