# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What memory holds while each function runs."""

from __future__ import annotations

from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable
from nnabla_compress.nnb.compact import compact, with_own_buffers
from nnabla_compress.nnb.memory_plan import memory_plan


def network(sizes, calls, output):
    """Functions of (type, inputs, output) on variables of so many floats."""
    variables = [NnbVariable(n, (1, s), "FLOAT32", buffer=0) for n, s in enumerate(sizes)]
    functions = [NnbFunction(name, 0, 0, reads, (writes,), {}) for name, reads, writes in calls]
    made = NnbFile(3, 44, (0,), tuple(variables), tuple(functions), (0,), (output,))
    return with_own_buffers(made)


def test_a_shortcut_is_alive_until_it_is_added():
    calls = [("Tanh", (0,), 1), ("Tanh", (1,), 2), ("Add2", (0, 2), 3)]
    plan = memory_plan(network([8, 8, 4, 8], calls, 3))
    assert [moment.alive for moment in plan.moments] == [64, 80, 80]
    assert plan.buffers == 112 and plan.most.function == 1


def test_what_is_written_over_counts_once():
    calls = [("Convolution", (0,), 1), ("ReLU", (1,), 2), ("Convolution", (2,), 3)]
    apart = network([4, 16, 16, 4], calls, 3)
    assert memory_plan(apart).most.alive == 128
    small = memory_plan(compact(apart))
    assert small.most.alive == small.buffers == 80
