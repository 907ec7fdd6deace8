# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import dataclasses

import numpy as np

from nnabla_compress.simulator.liveness import liveness


def in_one_buffer(network, *numbers):
    variables = list(network.variables)
    for number in numbers[1:]:
        variables[number] = dataclasses.replace(
            variables[number], buffer=variables[numbers[0]].buffer
        )
    return dataclasses.replace(network, variables=tuple(variables))


def chain(builder):
    """x -> y -> z, each of four floats."""
    x, y, z = builder.input((4,)), builder.variable((4,)), builder.variable((4,))
    builder.function("ReLU", [x], [y], inplace=False)
    builder.function("Flip", [y], [z], axes=(0,))
    return builder.file(z), (x, y, z)


def test_what_depends_on_parameters_only_is_constant(builder):
    codes, x = builder.variable((4,), "FIXED8", 0, np.arange(4)), builder.input((4,))
    a, b, y = (builder.variable((4,)) for _ in range(3))
    builder.function("MulScalar", [codes], [a], val=2.0, inplace=False)
    builder.function("AddScalar", [a], [b], val=1.0, inplace=False)
    builder.function("Add2", [x, b], [y], inplace=False)
    found = liveness(builder.file(y))
    assert found.constants == {0, 1} and found.repeatable


def test_buffers_may_be_used_again_after_their_last_reader(builder):
    network, (x, y, z) = chain(builder)
    assert liveness(in_one_buffer(network, x, z)).repeatable
    assert liveness(in_one_buffer(network, x, y)).repeatable  # ReLU may work in place


def test_writing_over_what_is_still_read_is_a_hazard(builder):
    network, (x, y, z) = chain(builder)
    assert liveness(in_one_buffer(network, y, z)).hazards == ((1, z),)  # Flip may not
    with_x = dataclasses.replace(network, outputs=(z, x))
    assert liveness(in_one_buffer(with_x, x, y)).hazards == ((2, x),)


def test_reading_what_nobody_wrote_is_a_hazard(builder):
    x, y = builder.variable((4,)), builder.variable((4,))
    builder.function("ReLU", [x], [y], inplace=False)
    assert liveness(builder.file(y)).hazards == ((0, x),)


def test_widening_in_place_is_a_hazard_and_narrowing_is_none(new_builder):
    for source, target, hazards in (("FIXED8", "FLOAT32", 1), ("FLOAT32", "FIXED8", 0)):
        net = new_builder()
        x, y = net.input((4,), source), net.variable((4,), target)
        net.buffers = [16, 16]
        net.function("Identity", [x], [y])
        assert len(liveness(in_one_buffer(net.file(y), x, y)).hazards) == hazards


def test_inputs_that_share_a_buffer_are_a_hazard(builder):
    x, z, y = builder.input((4,)), builder.input((4,)), builder.variable((4,))
    builder.function("Add2", [x, z], [y], inplace=False)
    assert (-1, z) in liveness(in_one_buffer(builder.file(y), x, z)).hazards


def test_what_lasts_from_call_to_call_is_found(builder):
    x, z = builder.input((4,), "FIXED8", 5), builder.input((4,), "FIXED8", 4)
    y = builder.variable((4,), "FIXED8", 4)
    builder.function("ReLU", [x], [y], inplace=False)
    builder.function("Add2", [x, z], [y], inplace=False)
    found = liveness(builder.file(y))
    assert found.lasting == (1,) and not found.repeatable
