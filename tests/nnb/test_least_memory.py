# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Orders of functions in which variables take the least memory."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable
from nnabla_compress.nnb.compact import compact, with_own_buffers
from nnabla_compress.nnb.least_memory import least_memory
from nnabla_compress.nnb.memory_plan import memory_plan


def network(sizes, calls, outputs):
    """Functions of (type, inputs, output) on variables of so many floats."""
    variables = [NnbVariable(n, (1, s), "FLOAT32", buffer=0) for n, s in enumerate(sizes)]
    functions = [NnbFunction(name, 0, 0, reads, (writes,), {}) for name, reads, writes in calls]
    made = NnbFile(3, 44, (0,), tuple(variables), tuple(functions), (0,), outputs)
    return with_own_buffers(made)


def two_branches():
    """Both branches grow, and end small; as they stand both are large at once."""
    calls = [("Affine", (0,), 1), ("Affine", (0,), 2), ("Affine", (1,), 3), ("Affine", (2,), 4)]
    return network([4, 8, 8, 1, 1, 2], [*calls, ("Concatenate", (3, 4), 5)], (5,))


def test_branches_run_one_after_the_other():
    order = least_memory(two_branches())
    assert order.bytes == 52 < memory_plan(two_branches()).most.alive == 80
    assert order.functions in ((0, 2, 1, 3, 4), (1, 3, 0, 2, 4))


@pytest.mark.parametrize("seed", range(20))
def test_no_order_takes_less(seed):
    import random

    draw = random.Random(seed)
    sizes = [draw.randint(1, 20) for _ in range(8)]
    calls = [
        ("Affine", tuple(sorted({draw.randrange(n) for _ in range(2)})), n) for n in range(1, 8)
    ]
    file = network(sizes, calls, (7,))
    least = None
    for order in itertools.permutations(range(7)):
        made, right = {0}, True
        for number in order:
            right = right and set(calls[number][1]) <= made
            made.add(number + 1)
        if right:
            functions = tuple(file.functions[number] for number in order)
            alive = memory_plan(replace(file, functions=functions)).most.alive
            least = alive if least is None else min(least, alive)
    assert least_memory(file).bytes == least


def test_what_may_be_written_over_is_counted_once():
    file = network(
        [4, 16, 16, 4], [("Affine", (0,), 1), ("ReLU", (1,), 2), ("Affine", (2,), 3)], (3,)
    )
    assert least_memory(file).bytes == 128
    assert least_memory(file, {"ReLU"}).bytes == 80


def test_too_many_branches_are_given_up():
    calls = [("Affine", (0,), n) for n in range(1, 12)]
    file = network([4] * 12, calls, tuple(range(1, 12)))
    assert least_memory(file, most_states=100) is None


def test_a_compacted_file_runs_in_the_better_order():
    small = compact(two_branches())
    assert small.buffer_bytes < compact_as_it_stands(two_branches())
    read = {0}
    for function in small.functions:
        assert set(function.inputs) <= read
        read |= set(function.outputs)


def compact_as_it_stands(file):
    """Bytes of the buffers where the search finds nothing."""
    from unittest import mock

    with mock.patch("nnabla_compress.nnb.compact.least_memory", lambda *_: None):
        return compact(file).buffer_bytes
