# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recurrent functions written out in steps compute what NNabla's own compute."""

from __future__ import annotations

import itertools

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis import layers
from nnabla_compress.graph import functions
from nnabla_compress.transforms.recurrent import MOST_STEPS, recurrent_as_layers
from tests.graph.networks import values

KINDS = list(itertools.product(["rnn", "lstm", "gru"], [1, 2], [False, True], [True, False]))


def built(kind, steps=4, **options):
    directions = 2 if options.get("bidirectional") else 1
    shape = (options.get("num_layers", 1), directions, 3, 6)
    x = nn.Variable.from_numpy_array(values(steps, 3, 5))
    states = [nn.Variable.from_numpy_array(values(*shape)) for _ in range(1 + (kind == "lstm"))]
    outputs = list(getattr(PF, kind)(x, *states, training=False, name="r", **options))
    for index, weight in enumerate(nn.get_parameters(grad_only=False).values()):
        weight.d = np.random.RandomState(index).randn(*weight.shape) * 0.5
    return outputs


@pytest.mark.parametrize("kind,num_layers,bidirectional,with_bias", KINDS)
def test_all_outputs_equal_those_of_the_function(kind, num_layers, bidirectional, with_bias):
    outputs = built(kind, num_layers=num_layers, bidirectional=bidirectional, with_bias=with_bias)
    parameters = nn.get_parameters(grad_only=False)
    made, found = recurrent_as_layers(outputs, parameters, {})
    nn.forward_all(outputs)
    expected = [y.d.copy() for y in outputs]
    nn.forward_all(made)
    for y, right in zip(made, expected):
        np.testing.assert_allclose(y.d, right, atol=2e-6)
    kinds = {function.info.type_name for function in functions(made)}
    assert not kinds & {"RNN", "LSTM", "GRU"}
    # Every weight of the function is the weight or bias of a layer, once.
    own = [layer for layer in layers(made, found) if not layer.shared]
    assert sum(layer.parameters for layer in own) == sum(p.size for p in parameters.values())
    assert sum(p.size for p in found.values()) == sum(p.size for p in parameters.values())


def test_relu_cells_keep_their_activation():
    outputs = built("rnn", nonlinearity="relu")
    (made, _), _ = recurrent_as_layers(outputs, nn.get_parameters(grad_only=False), {})
    nn.forward_all([outputs[0], made])
    np.testing.assert_allclose(made.d, outputs[0].d, atol=1e-6)
    assert (made.d >= 0).all() and (made.d > 0).any()


def test_one_step_is_written_out_too():
    outputs = built("gru", steps=1)
    (made, _), _ = recurrent_as_layers(outputs, nn.get_parameters(grad_only=False), {})
    nn.forward_all([outputs[0], made])
    np.testing.assert_allclose(made.d, outputs[0].d, atol=1e-6)


def test_very_long_sequences_stay():
    outputs = built("rnn", steps=MOST_STEPS + 1)
    parameters = nn.get_parameters(grad_only=False)
    made, found = recurrent_as_layers(outputs, parameters, {})
    assert {function.info.type_name for function in functions(made)} == {"RNN"}
    assert found == parameters
