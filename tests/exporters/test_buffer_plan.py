# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The memory plan is that of NNabla's converter, for a long network in a short time."""

from __future__ import annotations

from collections import OrderedDict
from types import SimpleNamespace

import nnabla.utils.converter.nnablart.save_variable_buffer as plan
import numpy as np
import pytest

from nnabla_compress.exporters.buffer_plan import buffer_plan, quick_plan
from tests.growth import times_as_long


def network(functions, sizes, outputs=(0,), shared=False):
    """What the converter knows of functions that are given as (inputs, outputs), by number."""
    names = [f"v{number}" for number in range(len(sizes))]
    buffers = [number // 2 if shared else number for number in range(len(sizes))]
    index, size = OrderedDict(), OrderedDict()
    for number, buffer in enumerate(buffers):
        index[buffer] = [number]
        size[buffer] = max(sizes[number], size.get(buffer, 0))
    return SimpleNamespace(
        _network=SimpleNamespace(
            variable=[SimpleNamespace(name=name, type="Buffer") for name in names],
            function=[
                SimpleNamespace(input=[names[i] for i in read], output=[names[i] for i in made])
                for read, made in functions
            ],
        ),
        _variable_buffer_index=index,
        _variable_buffer_size=size,
        _buffer_ids=dict(enumerate(buffers)),
        _generator_variables={},
        _input_variables=["v0"],
        _output_variables=[names[number] for number in outputs],
    )


def random_network(seed, shared):
    random = np.random.RandomState(seed)
    count = random.randint(1, 30)
    functions = [
        (sorted(set(random.randint(0, number, random.randint(1, 4)))), [number])
        for number in range(1, count)
        if random.rand() < 0.9
    ]
    sizes = random.choice([4, 64, 256, 1024], count).tolist()
    return network(functions, sizes, random.randint(0, count, 2), shared)


@pytest.mark.parametrize("shared", [False, True])
def test_it_is_that_of_the_converter_for_random_networks(shared):
    for seed in range(100):
        info = random_network(seed, shared)
        assert buffer_plan(info) == plan.save_variable_buffer(info)


def chain(count):
    functions = [([number], [number + 1]) for number in range(count)]
    return network(functions, [16] * (count + 1), outputs=(count,))


def test_a_long_chain_takes_two_buffers_and_time_as_its_length():
    long, short = chain(20_000), chain(2_000)
    sizes, places = buffer_plan(long)
    assert (sizes, len(places)) == ([16, 16], 20_001)
    # Ten times the functions; were it their square, 100 times the time.
    assert times_as_long(lambda: buffer_plan(long), lambda: buffer_plan(short)) < 30


def test_the_converter_has_its_own_plan_again_after_the_block():
    own = plan.save_variable_buffer
    with quick_plan():
        assert plan.save_variable_buffer is buffer_plan
    assert plan.save_variable_buffer is own
