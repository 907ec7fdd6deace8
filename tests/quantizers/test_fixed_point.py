# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.errors import ConfigError


def run(quantizer, values):
    x = nn.Variable.from_numpy_array(np.float32(values)).apply(need_grad=True)
    y = quantizer(x)
    x.g = 0
    y.forward()
    y.backward(1)
    return y.d.tolist(), x.g.tolist(), y


def test_three_bits_of_a_quarter_reach_to_three_quarters_and_clip_before_rounding():
    values, gradient, y = run(Q.FixedPoint(3, 0.25), [0.8, 0.75, -0.75, 0.125, -2])
    assert values == [0.75, 0.75, -0.75, 0.25, -0.75]
    assert gradient == [0, 1, 1, 1, 0]
    encoding = Q.FixedPoint.encode(y.parent)
    assert (encoding.bits, encoding.codes.tolist()) == (3, [3, 3, -3, 1, -3])


def test_unsigned_ones_reach_to_seven_quarters_and_the_coarse_gradient_is_one_everywhere():
    values, gradient, _ = run(Q.FixedPoint(3, 0.25, False, False), [9, -1])
    assert (values, gradient) == ([1.75, 0], [1, 1])


@pytest.mark.parametrize(
    "options, message",
    [
        ({"bits": 1}, "bits is 1, it takes 2 to 24 with a sign"),
        ({"bits": 0, "signed": False}, "it takes 1 to 24"),
        ({"step": 0}, "step"),
        ({"step": -0.5}, "step"),
    ],
)
def test_what_nnabla_refuses_in_c_is_refused_with_a_way_out(options, message):
    with pytest.raises(ConfigError, match=message) as error:
        Q.FixedPoint(**options)
    assert error.value.help
