# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.quantizers import LUT, PQ, BinaryWeight, RowLUT
from nnabla_compress.quantizers.straight_through import with_gradient_to

SOME = [LUT(bits=2), PQ(bits=2, length=2), RowLUT(bits=2, rows=3), BinaryWeight()]


@pytest.mark.parametrize("quantizer", SOME, ids=lambda each: each.type_name)
def test_a_node_and_its_lowered_form_hand_the_gradient_on_unchanged(quantizer, rng):
    nn.clear_parameters()
    w = nn.parameter.get_parameter_or_create("W", (6, 4), rng.randn(6, 4))
    factors = nn.Variable.from_numpy_array(rng.randn(6, 4).astype(np.float32))
    node = quantizer(w)
    for made in (node, type(quantizer).lower(node.parent, node.parent.inputs)):
        y = F.sum(made * factors)
        for times in (1, 2):  # gradients are added up
            if times == 1:
                w.grad.zero()
            y.forward()
            y.backward()
            np.testing.assert_allclose(w.g, times * factors.d, rtol=1e-6)


def test_values_stay_and_the_gradient_goes_past_them():
    w = nn.Variable((2,), need_grad=True)
    w.d = [0.2, -1.7]
    y = with_gradient_to(w, nn.Variable.from_numpy_array(np.float32([0, -2])))
    y.forward()
    y.backward(np.float32([3, 5]))
    assert y.d.tolist() == [0, -2] and w.g.tolist() == [3, 5]
