# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Last activations, found behind what follows them, and whether they saturate."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.graph.ends import end_of, saturated, with_ends
from nnabla_compress.quantizers import Uniform


@pytest.mark.parametrize(
    "last, expected",
    [
        (lambda h: F.softmax(h, axis=-1), ("Softmax", 1)),
        (lambda h: F.log_softmax(h, axis=1), ("LogSoftmax", 1)),
        (lambda h: F.log(F.softmax(h)), ("Softmax", 1)),
        (lambda h: F.sigmoid(h) * 2, ("Sigmoid", None)),
        (lambda h: F.relu(h), ("ReLU", None)),
        (lambda h: F.reshape(F.tanh(h), (1, 2, 2)), ("Tanh", None)),
        (lambda h: Uniform(bits=8)(F.sigmoid(h)), ("Sigmoid", None)),
    ],
)
def test_the_last_activation_is_found(last, expected):
    h = F.exp(nn.Variable((1, 4)))
    end = end_of(last(h))
    assert (end.type, end.axis) == expected and end.before == h


@pytest.mark.parametrize(
    "last", [F.abs, lambda h: F.softmax(h) + F.tanh(h), lambda h: F.exp(F.softmax(h))]
)
def test_others_end_in_none(last):
    assert end_of(last(F.exp(nn.Variable((1, 4))))) is None


def test_an_input_is_not_compared_with_itself():
    assert end_of(F.softmax(nn.Variable((1, 4)))) is None


@pytest.mark.parametrize(
    "last, values, share",
    [
        (F.softmax, [[30, 0, 0], [1, 0, 0]], 0.5),
        (F.sigmoid, [[30, 0], [-30, 1]], 0.5),
        (F.tanh, [[30, 0], [-30, 20]], 0.75),
        (F.relu, [[-1, -2], [-1, 1]], 0.5),
        (F.softmax, np.zeros((0, 3)), 0.0),
    ],
)
def test_saturation_is_the_share_at_the_limits(last, values, share):
    end = end_of(last(F.relu(nn.Variable((1, 3)))))
    assert saturated(end, np.float32(values)) == share


def test_only_ends_of_both_graphs_are_compared():
    h = F.exp(nn.Variable((1, 4)))
    one, other = with_ends([F.softmax(h), h], [F.softmax(h), F.tanh(h)])
    assert (len(one), len(other)) == (3, 3) and one[2] == other[2] == h


def test_what_is_overwritten_is_not_looked_at():
    h = F.exp(nn.Variable((1, 4)))
    assert end_of(F.relu(h, inplace=True)) is None
