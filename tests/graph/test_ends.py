# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Last activations, found behind what follows them, and whether they saturate."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.graph.ends import end_of, names_before, saturated
from nnabla_compress.quantizers import Uniform


@pytest.mark.parametrize(
    "last, expected",
    [
        (lambda h: F.softmax(h, axis=-1), ("Softmax", 1)),
        (lambda h: F.log_softmax(h, axis=1), ("LogSoftmax", 1)),
        (lambda h: F.log(F.softmax(h)), ("Softmax", 1)),
        (lambda h: F.sigmoid(h) * 2, ("Sigmoid", None)),
        (lambda h: F.reshape(F.tanh(h), (1, 2, 2)), ("Tanh", None)),
        (lambda h: Uniform(bits=8)(F.sigmoid(h)), ("Sigmoid", None)),
    ],
)
def test_the_last_activation_is_found(last, expected):
    h = F.relu(nn.Variable((1, 4)))
    end = end_of(last(h))
    assert (end.type, end.axis) == expected and end.before == h


@pytest.mark.parametrize(
    "last", [F.relu, lambda h: F.softmax(h) + F.tanh(h), lambda h: F.exp(F.softmax(h))]
)
def test_others_end_in_none(last):
    assert end_of(last(F.relu(nn.Variable((1, 4))))) is None


def test_an_input_is_not_compared_with_itself():
    assert end_of(F.softmax(nn.Variable((1, 4)))) is None


@pytest.mark.parametrize(
    "last, values, share",
    [
        (F.softmax, [[30, 0, 0], [1, 0, 0]], 0.5),
        (F.sigmoid, [[30, 0], [-30, 1]], 0.5),
        (F.tanh, [[30, 0], [-30, 20]], 0.75),
        (F.softmax, np.zeros((0, 3)), 0.0),
    ],
)
def test_saturation_is_the_share_at_the_limits(last, values, share):
    end = end_of(last(F.relu(nn.Variable((1, 3)))))
    assert saturated(end, np.float32(values)) == share


def test_names_tell_what_comes_before():
    ends = [None, end_of(F.softmax(F.relu(nn.Variable((1, 3)))))]
    assert list(names_before(["x", "y"], ends)) == ["y before Softmax"]
