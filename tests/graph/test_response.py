# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How strongly a network answers to what moves its values a little."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.graph.compare import run
from nnabla_compress.graph.response import response
from nnabla_compress.quantizers import Uniform


def of_steps(x, name):
    with nn.parameter_scope(name):
        return Uniform(bits=8, initial_step=1, learn=None)(x)


def answer(x, y, row):
    values = [np.float32([row])]
    return response([x], [y], values, run([x], [y], values))


@pytest.fixture(autouse=True)
def no_parameters():
    nn.clear_parameters()


def test_without_steps_outputs_move_as_inputs_do():
    x = nn.Variable((1, 4))
    assert 1e-4 < answer(x, 3 * x, [1.0, -2.0, 3.0, -4.0]) < 1e-2


def test_a_value_between_two_steps_may_fall_to_either_side_though_no_input_reaches_it():
    x = nn.Variable((1, 1))
    y = of_steps(0.5 * of_steps(x, "in"), "out")  # 3.5 or, of any other order of additions, 3.499
    assert answer(x, y, [7.0]) > 0.2
    assert answer(x, y, [6.0]) == 0


def test_weights_stay_as_they_are():
    x = nn.Variable((1, 1))
    w = get_parameter_or_create("W", (1, 1), np.float32([[0.5]]))
    with nn.parameter_scope("w"):
        y = F.affine(of_steps(x, "in"), Uniform(bits=4, initial_step=1)(w))
    assert answer(x, y, [7.0]) == 0
    assert w.d.item() == 0.5
