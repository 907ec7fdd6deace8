# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.lowering.fixed_point import bias_correction
from nnabla_compress.lowering.fixed_point.bias_correction import correct_biases
from nnabla_compress.lowering.fixed_point.graph import integer_graph


def prepared(relu):
    """y = (or ReLU) 0.5 x + 0.25 with a step of 1/4 for x, w and y, given what rounding loses."""
    x = nn.Variable((1, 1))
    w = nn.Variable.from_numpy_array(np.float32([[0.55]]))
    b = nn.Variable.from_numpy_array(np.float32([0.25]))
    y = F.affine(x, w, b)
    graph = integer_graph([F.relu(y) if relu else y], [x], [], {})
    positions = dict.fromkeys(graph.fixed, 2)
    codes = {w.data: np.array([[2]]), b.data: np.array([1])}
    return graph, x, positions, codes, b.data


def test_the_mean_of_a_channel_is_kept():
    graph, x, positions, codes, bias = prepared(relu=False)
    feed = {x: np.full((100, 1), 11.0, np.float32)}
    correct_biases(graph, feed, positions, codes, 8)
    # 0.55 * 11 + 0.25 = 6.3, the sum is 5.5 = 22 steps: 25 steps need a bias of 3.
    assert codes[bias].tolist() == [3]


def test_values_that_a_relu_cuts_off_do_not_count():
    graph, x, positions, codes, bias = prepared(relu=True)
    feed = {x: np.float32([[11.0]] * 10 + [[-20.0]] * 90)}
    correct_biases(graph, feed, positions, codes, 8)
    assert codes[bias].tolist() == [3]


def test_a_shared_bias_stays():
    x, b = nn.Variable((1, 1)), nn.Variable.from_numpy_array(np.float32([0.0]))
    weights = [nn.Variable.from_numpy_array(np.float32([[1.1]])) for _ in range(2)]
    y = F.affine(F.affine(x, weights[0], b), weights[1], b)
    graph = integer_graph([y], [x], [], {})
    codes = {b.data: np.array([0]), **{w.data: np.array([[4]]) for w in weights}}
    feed = {x: np.full((4, 1), 10.0, np.float32)}
    correct_biases(graph, feed, dict.fromkeys(graph.fixed, 2), codes, 8)
    assert codes[b.data].tolist() == [0]


def test_channels_are_corrected_some_at_a_time_as_they_are_together(monkeypatch):
    rng, found = np.random.RandomState(0), []
    x, values = nn.Variable((1, 4)), rng.randn(50, 4).astype(np.float32)
    w = nn.Variable.from_numpy_array(rng.randn(4, 5).astype(np.float32))
    b = nn.Variable.from_numpy_array(rng.randn(5).astype(np.float32))
    graph = integer_graph([F.relu(F.affine(x, w, b))], [x], [], {})
    for channels in (5, 2):
        monkeypatch.setattr(bias_correction, "_CHANNELS", channels)
        codes = {w.data: np.rint(4 * w.d), b.data: np.rint(4 * b.d).astype(np.int32)}
        before = codes[b.data].copy()
        correct_biases(graph, {x: values}, dict.fromkeys(graph.fixed, 2), codes, 8)
        found.append(codes[b.data].tolist())
    assert found[0] == found[1] != before.tolist()
