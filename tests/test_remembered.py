# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Answers are kept while a call lasts, few of them, and no longer."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F

from nnabla_compress.graph.rewrite import functions
from nnabla_compress.remembered import Remembered
from nnabla_compress.turns import exclusive


def test_only_the_last_answers_are_kept():
    remembered, asked = Remembered(most=2), []

    def ask(question):
        return remembered.get(question, lambda: asked.append(question))

    with exclusive():
        for question in "abacbca":
            ask(question)
    assert asked == ["a", "b", "c", "b", "a"]


def test_a_block_within_a_block_ends_nothing():
    remembered = Remembered(most=1)
    with exclusive():
        remembered.get("question", lambda: 1)
        with exclusive():
            pass
        assert remembered.get("question", lambda: 2) == 1
    with exclusive():
        assert remembered.get("question", lambda: 2) == 2


def test_a_list_of_functions_is_the_callers_own():
    y = F.relu(F.tanh(nn.Variable((1, 2))))
    with exclusive():
        functions([y]).clear()
        assert [f.info.type_name for f in functions([y])] == ["Tanh", "ReLU"]
        assert [f.info.type_name for f in functions([y], stop=[y.parent.inputs[0]])] == ["ReLU"]
