# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Values inside a network are seen without changing what it gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.inner import before_last, with_outputs


@pytest.fixture
def softmax(builder, rng):
    """An affine layer, a Softmax and a Reshape, each of which writes over the one before."""
    weight = rng.randn(4, 6).astype(np.float32)
    x, h = builder.input((1, 4)), builder.variable((1, 6))
    p, y = builder.variable((1, 6)), builder.variable((1, 2, 3))
    stored = builder.variable((4, 6), values=weight.T)  # as the converter writes it
    builder.function("Affine", [x, stored], [h], base_axis=1)
    builder.function("Softmax", [h], [p], axis=1)
    builder.function("Reshape", [p], [y], shape=(1, 2, 3), inplace=False)
    network = builder.file(y)
    shared = [
        v if v.buffer is None or n == x else dataclasses.replace(v, buffer=1)
        for n, v in enumerate(network.variables)
    ]
    return dataclasses.replace(network, variables=tuple(shared), buffers=(16, 24)), weight, h


def test_the_last_function_of_a_type_is_found(softmax):
    network, _, h = softmax
    output = network.outputs[0]
    assert before_last(network, output, "Softmax", ("Reshape",)) == h
    assert before_last(network, output, "Softmax", ()) is None
    assert before_last(network, output, "Tanh", ("Reshape", "Softmax")) is None
    # What nothing computes is an input or a parameter.
    assert before_last(network, output, "Affine", ("Reshape", "Softmax")) is None


@pytest.mark.parametrize("version", [2, 3])
def test_an_inner_value_is_given_and_the_output_stays(softmax, version, rng):
    network, weight, h = softmax
    x = rng.randn(5, 1, 4).astype(np.float32)
    (expected,) = Machine(network).run_many([x])
    if version == 2:
        network = dataclasses.replace(network, version=2, buffers=(4, 6))
    more = with_outputs(network, [h])
    output, inner = Machine(more).run_many([x])
    np.testing.assert_array_equal(output, expected)
    np.testing.assert_allclose(inner, x @ weight, rtol=1e-5, atol=1e-6)
    assert more.buffer_bytes == network.buffer_bytes + 24
