# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_compress.quantizers as Q


def variable(values):
    return nn.Variable.from_numpy_array(np.asarray(values, np.float32))


def test_codes_are_clipped_to_bytes_and_come_back_as_floats():
    scale, zero = variable([[0.5]]), variable([[0]])
    y = Q.LinearCodes().on(variable([[100, 18, -200]]), (scale, zero), "fc")
    y.forward()
    assert y.d.tolist() == [[63.5, 18, -64]]
    encoding = Q.LinearCodes.encode(y.parent)
    assert (encoding.bits, encoding.codes.tolist()) == (8, [[127, 36, -128]])


@pytest.mark.parametrize("scale, zero", [(0, 0), (-1, 0), (np.nan, 0), (1, np.nan), (1, 1e9)])
def test_scales_that_give_no_codes_are_not_taken(scale, zero):
    assert not Q.LinearCodes.takes([np.float32([scale]), np.float32([zero])])
    assert Q.LinearCodes.takes([np.float32([0.5]), np.float32([3])])


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1)])
def test_scales_may_go_along_an_axis(shape, rng):
    scale, zero = variable(0.1 + rng.rand(*shape)), variable(np.full(shape, 3))
    x = variable(3 * rng.randn(4, 5))
    y = Q.LinearCodes().on(x, (scale, zero), "fc")
    z = F.dequantize_linear(F.quantize_linear(x, scale, zero), scale, zero)
    nn.forward_all([y, z])
    np.testing.assert_array_equal(y.d, z.d)
    np.testing.assert_array_equal(Q.LinearCodes.encode(y.parent).decode(), y.d)
