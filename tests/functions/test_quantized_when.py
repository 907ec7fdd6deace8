# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.functions import quantized_when
from nnabla_compress.graph.clone import clone
from nnabla_compress.regularizers import NetworkMemory


@pytest.mark.parametrize("taken", [0, 1])
@pytest.mark.parametrize("accumulate", [False, True])
def test_values_and_gradients_are_those_of_what_is_taken(taken, accumulate):
    values = np.float32([[1, 2], [30, 40]])
    first, second = (nn.Variable.from_numpy_array(v, need_grad=True) for v in values)
    when = nn.Variable.from_numpy_array(np.float32([1 - taken]))
    y = quantized_when(first, second, when)
    y.forward()
    np.testing.assert_array_equal(y.d, values[taken])
    start = 7.0 if accumulate else 0.0
    for variable in (first, second):
        variable.g = start
    y.backward(np.float32([5, 6]))
    gradients = [first.g, second.g]
    np.testing.assert_array_equal(gradients[taken], start + np.float32([5, 6]))
    np.testing.assert_array_equal(gradients[1 - taken], np.full(2, start))


def test_a_copy_of_the_node_follows_the_same_variable():
    first, second = (nn.Variable.from_numpy_array(np.float32([v])) for v in (1, 2))
    when = nn.Variable.from_numpy_array(np.float32([0]))
    (copy,) = clone(quantized_when(first, second, when).parent, [first, second, when])
    copy.forward()
    assert copy.d == 2
    when.d = 1
    copy.forward()
    assert copy.d == 1


def test_sizes_of_a_network_see_the_quantizer_behind_it():
    import nnabla.functions as F
    from nnabla.parameter import get_parameter_or_create

    import nnabla_compress.quantizers as Q

    w = get_parameter_or_create("W", (4, 2), np.ones((4, 2), np.float32))
    when = nn.Variable.from_numpy_array(np.float32([0]))
    y = F.affine(nn.Variable((1, 4)), quantized_when(Q.Uniform(4)(w), w, when))
    assert [tensor.bits for tensor in NetworkMemory.of([y]).weights] == [4]
