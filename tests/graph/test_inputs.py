# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which leaves are inputs, and what numbers they take."""

from __future__ import annotations

from collections import OrderedDict

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.graph.inputs import Form, forms, inputs_of, random_inputs
from nnabla_compress.quantizers import Uniform


def test_parameters_of_another_scope_are_no_inputs():
    x = nn.Variable((2, 3, 4, 4))
    with nn.parameter_scope("", OrderedDict()):
        y = PF.affine(PF.batch_normalization(PF.convolution(x, 4, (3, 3))), 2, apply_w=Uniform(4))
    assert inputs_of([y]) == [x]


@pytest.mark.parametrize(
    "network, expected",
    [
        (lambda x: F.relu(x), Form()),
        (lambda x: F.embed(F.reshape(x, (5,)), nn.Variable((7, 2))), Form(below=7)),
        (lambda x: F.one_hot(F.reshape(x, (5, 1)), (4,)), Form(below=4)),
        (lambda x: F.softmax_cross_entropy(nn.Variable((5, 9)), F.reshape(x, (5, 1))), Form(9)),
        (lambda x: F.log(2 * x + 1), Form(positive=True)),
        (lambda x: 1 / x, Form(positive=True)),
        (lambda x: F.pow_scalar(x, 0.5), Form(positive=True)),
        (lambda x: nn.Variable((1, 5)) / F.mean(x, axis=0, keepdims=True), Form(positive=True)),
        (lambda x: F.log(F.tanh(x)), Form()),
    ],
)
def test_functions_say_what_numbers_an_input_takes(network, expected):
    x = nn.Variable((1, 5))
    assert forms([x], [network(x)]) == [expected]


def test_the_smallest_table_bounds_row_numbers():
    ids = nn.Variable((1, 4))
    y = F.add2(F.embed(ids, nn.Variable((9, 2))), F.embed(ids, nn.Variable((3, 2))))
    (numbers,) = random_inputs([ids], [y], rows=50)
    assert numbers.shape == (50, 4) and set(np.unique(numbers)) == {0, 1, 2}


def test_random_numbers_are_the_same_every_time_and_normal_without_a_reason():
    x = nn.Variable((1, 2000))
    one, other = (random_inputs([x], [F.relu(x)])[0] for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert abs(one.mean()) < 0.1 and abs(one.std() - 1) < 0.1
