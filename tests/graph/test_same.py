# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.same import same_functions
from tests.graph.networks import values


def network(weight, before=F.relu, **options):
    x = nn.Variable((1, 3))
    return [x], [F.mul_scalar(F.affine(before(x), weight), options.get("val", 2.0))]


def test_graphs_of_the_same_functions_on_one_array_are_the_same():
    weight = constant(values(3, 2), "W")
    assert same_functions(*network(weight), *network(weight.get_unlinked_variable()))


@pytest.mark.parametrize(
    "other",
    [
        lambda weight: network(constant(weight.d.copy(), "W")),
        lambda weight: network(weight, before=F.tanh),
        lambda weight: network(weight, val=2.0000001),
        lambda weight: (network(weight)[0], network(weight)[1]),
    ],
    ids=["equal values in another array", "function", "argument", "another input"],
)
def test_graphs_that_differ_anywhere_are_not(other):
    weight = constant(values(3, 2), "W")
    assert not same_functions(*network(weight), *other(weight))


def test_inputs_that_change_places_make_another_graph():
    x, z = nn.Variable((1, 3)), nn.Variable((1, 3))
    assert same_functions([x, z], [F.sub2(x, z)], [z, x], [F.sub2(z, x)])
    assert not same_functions([x, z], [F.sub2(x, z)], [x, z], [F.sub2(z, x)])


def test_which_output_of_a_function_is_read_counts():
    x = nn.Variable((2, 3))
    first, second = F.split(x)
    assert same_functions([x], [first], [x], [first])
    assert not same_functions([x], [first], [x], [second])


def test_a_graph_written_for_another_batch_size_is_another():
    x, z = nn.Variable((1, 6)), nn.Variable((2, 6))
    assert not same_functions([x], [F.reshape(x, (-1, 2, 3))], [z], [F.reshape(z, (-1, 2, 3))])


def test_a_reshape_is_known_by_the_shape_of_its_output():
    x = nn.Variable((2, 6))
    assert same_functions([x], [F.reshape(x, (2, 2, 3))], [x], [F.reshape(x, (-1, 2, 3))])
    assert not same_functions([x], [F.reshape(x, (2, 2, 3))], [x], [F.reshape(x, (2, 3, 2))])


def test_same_graphs_compute_the_same():
    weight = constant(values(3, 2), "W")
    (x,), (y,) = network(weight)
    (z,), (u,) = network(weight)
    assert same_functions([x], [y], [z], [u])
    x.d = z.d = values(1, 3, seed=5)
    nn.forward_all([y, u])
    np.testing.assert_array_equal(y.d, u.d)
