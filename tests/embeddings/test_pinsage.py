# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.embeddings import PinSage, Walks, max_margin, neighbourhoods, pooling_start
from nnabla_compress.errors import ConfigError
from tests.embeddings.graphs import random_graph, recursive

HOW = Walks(neighbours=4, walks=10, length=3)


def variable(values):
    return nn.Variable.from_numpy_array(np.float32(values))


def test_a_margin_that_is_kept_costs_nothing_and_one_that_is_not_what_is_missing():
    q, near, far = variable([[1, 0]]), variable([[0.8, 0.6]]), variable([[0, 1], [1, 0]])
    loss = max_margin(q, near, [far], 0.1)
    loss.forward()
    np.testing.assert_allclose(loss.d, (0 + (1 - 0.8 + 0.1)) / 2, rtol=1e-5)


def test_hard_negatives_are_each_pair_s_own():
    q, near = variable([[1, 0], [0, 1]]), variable([[1, 0], [0, 1]])
    hard = variable([[[1, 0]], [[1, 0]]])
    loss = max_margin(q, near, [variable([[0, 0]]), hard], 0.5)
    loss.forward()
    np.testing.assert_allclose(loss.d, 0.5 / 4, rtol=1e-6)  # the first pair's hard one alone


@pytest.mark.parametrize("network", [PinSage(1, 12, 12, 6), PinSage(2, 14, 13, 6)])
def test_it_can_begin_as_pooling_without_a_training(network):
    graph, rng = random_graph(), np.random.RandomState(0)
    features = rng.randn(60, 6).astype(np.float32)
    found = recursive(network, zeros(network), features, graph, HOW, np.arange(60))
    near = neighbourhoods(graph, HOW)
    h = features
    for _ in range(network.layers):
        h = h + np.einsum("nt,ntd->nd", near.weights, h[near.neighbours])
        h /= np.sqrt((h**2).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(found, h, atol=1e-5)


def zeros(network):
    """The start, with biases of 0."""
    made = pooling_start(network, 6)
    biases = {
        path.replace("W", "b"): np.zeros(values.shape[1], np.float32)
        for path, values in made.items()
        if not path.startswith("output2")
    }
    return {**made, **biases}


def test_sizes_below_1_and_blocks_that_are_not_as_many_as_layers_are_refused():
    with pytest.raises(ConfigError, match="layers=0"):
        PinSage(layers=0)
    with pytest.raises(ConfigError, match="0 blocks for 2 layers"):
        PinSage()(nn.Variable((3, 4)), [])
