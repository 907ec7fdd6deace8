# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Nodes of NNabla's own functions compute what these do, forward and backward, bit for bit."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import CompressError

ONE = (1, 1)


def variable(values, need_grad=True):
    made = nn.Variable.from_numpy_array(np.asarray(values, np.float32))
    made.need_grad = need_grad
    return made


def tables(*values):
    return [variable(np.full(ONE, value), False) for value in values]


RANGES = (-2, 2.3, 0, 15)
CASES = {
    "binary connect": (Q.BinaryConnect(), (), lambda x: F.sign(x, 1.0)),
    "binary connect, zeros down": (Q.BinaryConnect(-1.0), (), lambda x: F.sign(x, -1.0)),
    "fixed point": (
        Q.FixedPoint(3, 0.25),
        (),
        lambda x: F.fixed_point_quantize(x, n=3, delta=0.25),
    ),
    "fixed point, unsigned, coarse": (
        Q.FixedPoint(3, 0.25, False, False),
        (),
        lambda x: F.fixed_point_quantize(x, sign=False, n=3, delta=0.25, ste_fine_grained=False),
    ),
    "powers of two": (Q.Pow2Quantize(4, 1), (), lambda x: F.pow2_quantize(x, n=4, m=1)),
    "prune": (Q.PruneRate(0.5), (), lambda x: F.prune(x, 0.5)),
    "linear codes": (
        Q.LinearCodes(),
        (0.25, 1),
        lambda x: F.dequantize_linear(F.quantize_linear(x, *tables(0.25, 1)), *tables(0.25, 1)),
    ),
}


@pytest.mark.parametrize("accumulate", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_a_node_gives_what_nnabla_gives_with_its_gradient(case, accumulate, rng):
    quantizer, numbers, function = CASES[case]
    values, up = rng.randn(6, 5).astype(np.float32), rng.randn(6, 5).astype(np.float32)
    values[0, :3] = 0, 0.75, -0.75
    found = []
    for own in (True, False):
        x = variable(values)
        y = quantizer.on(x, tables(*numbers), "fc") if own else function(x)
        z = y + 2 * y if accumulate else y
        x.g = 0
        z.forward()
        z.backward(up)
        found.append((z.d.copy(), x.g.copy()))
    np.testing.assert_array_equal(*(part[0] for part in found))
    np.testing.assert_array_equal(*(part[1] for part in found))
    assert np.abs(found[0][1]).sum() > 0


def test_what_a_node_gives_is_what_is_stored_and_its_bits_hold_it(rng):
    weight = nn.parameter.get_parameter_or_create("W", (6, 5), rng.randn(6, 5))
    for quantizer, numbers, _ in CASES.values():
        y = quantizer.on(weight, tables(*numbers), "fc")
        y.forward()
        encoding = type(quantizer).encode(y.parent)
        np.testing.assert_array_equal(encoding.decode(), y.d)


def test_a_weight_that_is_not_finite_is_refused_with_its_layer():
    y = Q.BinaryConnect().on(variable([[np.nan, 1]]), (), "c1/conv")
    with pytest.raises(CompressError, match="c1/conv"):
        Q.BinaryConnect.encode(y.parent)
    y = Q.BinaryWeight().on(variable([[np.inf, 1]]), (), "c1/conv")
    with pytest.raises(CompressError, match="c1/conv"):
        Q.BinaryWeight.encode(y.parent)
