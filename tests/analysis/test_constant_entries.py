# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Constants that a network computes, whatever comes in."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest
from hypothesis import given

import nnabla_compress.quantizers as Q
from nnabla_compress.analysis.constant_entries import constant_entries
from nnabla_compress.graph.rewrite import functions
from tests.graph.networks import ZOO, build, randomize_statistics, recipes
from tests.properties import examples


def weight(name):
    return nn.get_parameters()[name].d


def some_zeros(rng):
    """Puts filters, scales and biases to zero."""
    for path, parameter in sorted(nn.get_parameters().items()):
        axis = 0 if path.endswith("/W") else 1 if parameter.ndim == 4 else 0
        keep = rng.rand(parameter.shape[axis]) < 0.6
        along = [1] * parameter.ndim
        along[axis] = -1
        parameter.d = parameter.d * keep.reshape(along)


def check(y, x):
    """What is said to be constant is, for three inputs."""
    entries = constant_entries([y], [x])
    rng = np.random.RandomState(0)
    for _ in range(3):
        x.d = rng.randn(*x.shape)
        nn.forward_all([y])
        for function in functions([y]):
            for output in function.outputs:
                if output in entries:
                    values, free = entries[output]
                    scale = max(1, np.abs(values).max())
                    np.testing.assert_allclose(
                        output.d[~free], values[~free], rtol=0, atol=1e-5 * scale
                    )
    return entries[y]


@pytest.mark.parametrize("name", sorted(set(ZOO) - {"embed"}))
def test_what_is_constant_behind_a_function_is_found(name):
    x = nn.Variable((2, 3, 8, 8))
    h = F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="first"))
    weight("first/conv/W")[1:3] = 0
    weight("first/conv/b")[:] = [0.1, 0.3, -0.2, 0.1]
    y = ZOO[name](h)
    randomize_statistics()
    weight("first/conv/b")[:] = [0.1, 0.3, -0.2, 0.1]
    check(y, x)


@examples(15, derandomize=True)
@given(recipes())
def test_what_is_constant_in_random_networks_is_found(recipe):
    nn.clear_parameters()
    x = nn.Variable((1, 4, 6, 6))
    y = build(recipe, F.relu(PF.convolution(x, 4, (3, 3), pad=(1, 1), name="first")))
    randomize_statistics(recipe[2])
    some_zeros(np.random.RandomState(recipe[2]))
    check(y, x)


def test_padding_ends_a_constant_at_the_border_only():
    x = nn.Variable((1, 1, 5, 5))
    h = PF.convolution(x, 1, (1, 1), name="a")
    weight("a/conv/W")[:] = 0
    weight("a/conv/b")[:] = 2
    y = PF.convolution(h, 1, (3, 3), pad=(1, 1), name="b")
    weight("b/conv/W")[:] = 1
    weight("b/conv/b")[:] = 0
    values, free = check(y, x)
    assert not free.any() and values[0, 0, 0, 0] == 8 and values[0, 0, 2, 2] == 18


def test_a_sum_with_what_is_free_is_free_and_a_product_with_zero_is_not():
    x = nn.Variable((1, 4))
    zero = PF.affine(x, 4, name="a")
    weight("a/affine/W")[:] = 0
    added, product = x + zero, x * zero
    entries = constant_entries([added, product], [x])
    assert entries[added].free.all() and not entries[product].free.any()


def test_what_is_not_known_counts_as_free():
    x = nn.Variable((1, 4))
    h = PF.affine(x, 4, name="a")
    weight("a/affine/W")[:] = 0
    y = F.softmax(h)
    assert constant_entries([y], [x])[y].free.all()


def test_a_quantizer_that_has_seen_nothing_does_not_start_from_made_up_values():
    x = nn.Variable((1, 4))
    h = PF.affine(x, 4, name="a")
    weight("a/affine/W")[:] = 0
    y = Q.Uniform(bits=4)(F.relu(h))
    assert constant_entries([y], [x])[y].free.all()
    assert np.isnan(weight("uniform/d")).all()
    x.d = 1
    weight("a/affine/b")[:] = [1, 2, 3, 4]
    y.forward()
    entries = constant_entries([y], [x])[y]
    assert not entries.free.any()
    np.testing.assert_array_equal(entries.values, y.d)
