# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given

from nnabla_compress.analysis.reach import largest_length, reach, within
from nnabla_compress.graph import functions
from tests.graph.networks import build, randomize_statistics, recipes
from tests.properties import examples

RANGE = (-0.5, 1.5)


@examples(15, derandomize=True)
@given(recipes())
def test_no_value_of_a_random_network_lies_beyond_its_bounds(recipe):
    steps, _, seed = recipe
    nn.clear_parameters()
    x = nn.Variable((4, 4, 6, 6))
    h = build((steps, False, seed), F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="first")))
    y = PF.affine(F.average_pooling(h, (2, 2)), 3, name="last")
    randomize_statistics(seed)
    found = reach([y], {x: within(*RANGE)})
    x.d = np.random.RandomState(seed).uniform(*RANGE, x.shape)
    for function in functions([y]):
        for variable in function.outputs:
            variable.persistent = True
    y.forward()
    for function in functions([y]):
        for variable in function.outputs:
            if variable in found:
                assert (variable.d >= found[variable].low).all(), function.info.type_name
                assert (variable.d <= found[variable].high).all(), function.info.type_name


@pytest.mark.parametrize(
    "build, low, high",
    [
        (lambda x: F.relu(-2.0 * x), 0, 4),
        (lambda x: F.abs(x), 0, 2),
        (lambda x: F.sub2(x, x), -3, 3),
        (lambda x: F.tanh(x), np.tanh(-2), np.tanh(1)),
        (lambda x: F.softmax(x * x), 0, 1),
        (lambda x: x * x, -np.inf, np.inf),
    ],
)
def test_bounds_are_those_of_the_function(build, low, high):
    x = nn.Variable((1, 3))
    y = build(x)
    found = reach([y], {x: within(-2, 1)})[y]
    np.testing.assert_allclose([found.low.min(), found.high.max()], [low, high], rtol=1e-4, atol=0)


def test_what_is_zero_behind_a_relu_stays_so():
    x = nn.Variable((1, 3))
    y = F.relu(x)
    assert reach([y], {x: within(-2, -1)})[y].high.max() == 0


def test_the_length_is_that_of_the_farthest_corner():
    x = nn.Variable((1, 4))
    assert largest_length(reach([F.relu(x)], {x: within(-2, 1)})[x]) == 4
