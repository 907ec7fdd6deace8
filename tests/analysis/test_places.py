# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF

from nnabla_compress.analysis.places import places


def test_a_function_stands_behind_the_layer_executed_last_of_those_before_it():
    x = nn.Variable((1, 8))
    left = F.tanh(PF.affine(F.abs(x), 8, name="left"))
    right = F.relu(PF.affine(x, 8, name="right"))
    assert list(places([F.add2(left, right)]).values()) == [
        "Abs before the first layer",
        "Affine left/affine",
        "Tanh behind left/affine",
        "Affine right/affine",
        "ReLU behind right/affine",
        "Add2 behind right/affine",
    ]


def test_a_function_without_inputs_stands_before_the_first_layer():
    y = F.add2(F.constant(1, (1, 2)), PF.affine(nn.Variable((1, 3)), 2, name="f"))
    assert sorted(places([y]).values()) == [
        "Add2 behind f/affine",
        "Affine f/affine",
        "Constant before the first layer",
    ]
