# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from nnabla_compress.nnb import read_nnb, sizes, to_bytes

FILES = sorted((Path(__file__).parents[1] / "data/c_runtime").glob("*/net.nnb"))


def by_formula(network):
    """Size of a file by its rules, with everything but arguments counted from the network."""
    size = 76 + 4 * (len(network.inputs) + len(network.outputs) + len(network.buffers))
    for variable in network.variables:
        size += 32 + 4 * len(variable.shape)
        if variable.data is not None:
            size += 4 + (len(variable.data) + 3) // 4 * 4
    for function in network.functions:
        record, position = 20, 20
        for value in function.arguments.values():
            width = 1 if isinstance(value, bool) else 8 if isinstance(value, tuple) else 4
            position = position if width == 1 else (position + 3) // 4 * 4
            position += width
            size += 4 + 4 * len(value) if isinstance(value, tuple) else 0
        record = (position + 3) // 4 * 4
        size += 16 + record + 4 * (len(function.inputs) + len(function.outputs))
    return size


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.parent.name)
def test_the_parts_add_up_to_the_file(path):
    network = read_nnb(path)
    found = sizes(network)
    assert found.total == path.stat().st_size == by_formula(network)
    assert found.parameter_bytes + found.overhead_bytes == found.total
    assert set(found.parameters) == {
        number for number, v in enumerate(network.variables) if v.data is not None
    }
    assert set(found.functions) == set(range(len(network.functions)))


def test_parameters_count_with_their_padding():
    network = read_nnb(FILES[0].parents[1] / "41_trap_bias_fp/net.nnb")
    found = sizes(network)
    for number, length in found.parameters.items():
        assert 0 <= length - len(network.variables[number].data) < 4 and length % 4 == 0


def test_shared_lists_are_counted_once():
    for path in FILES:
        network = read_nnb(path)
        found = sizes(network, share_lists=True)
        assert found.total == len(to_bytes(network, share_lists=True))
        assert found.parameters == sizes(network).parameters
        assert found.overhead_bytes < sizes(network).overhead_bytes
