# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Packing the weights of ordinary network files."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnabla_compress.c_kernels.layout import IMPLEMENT, PackedWeights
from nnabla_compress.c_kernels.rewrite import dictionary_of, pack_network
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, read_nnb, to_bytes

ARGUMENTS = {
    "base_axis": 1,
    "pad": (1, 1),
    "stride": (1, 1),
    "dilation": (1, 1),
    "group": 1,
    "channel_last": False,
}


def network(rng, bits=4, maps=(8, 32), bias=True, twice=False):
    weight = rng.choice(rng.normal(size=2**bits), (maps[1], maps[0], 3, 3)).astype(np.float32)
    variables = [
        NnbVariable(7, (1, maps[0], 6, 6), "FLOAT32", buffer=0),
        NnbVariable(3, weight.shape, "FLOAT32", data=weight.tobytes()),
        NnbVariable(4, (maps[1],), "FLOAT32", data=rng.normal(size=maps[1]).astype("f4").tobytes()),
        NnbVariable(5, (1, maps[1], 6, 6), "FLOAT32", buffer=1),
    ]
    inputs = (0, 1, 2) if bias else (0, 1)
    functions = [NnbFunction("Convolution", 265, 0, inputs, (3,), ARGUMENTS)]
    if twice:
        functions.append(functions[0])
    sizes = (36 * 4 * maps[0], 36 * 4 * maps[1])
    return NnbFile(3, 44, sizes, tuple(variables), tuple(functions), (0,), (3,)), weight


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_packed_layer_holds_the_same_values(rng, bits, bias):
    file, weight = network(rng, bits, bias=bias)
    packed, left = pack_network(file)
    again = read_nnb(to_bytes(packed))
    assert again == packed and left == []
    function = packed.functions[0]
    assert function.implement == IMPLEMENT and function.arguments == ARGUMENTS
    assert function.inputs == ((0, 1, 2, 4) if bias else (0, 1, 4, 4))
    stored, description = packed.variables[1], packed.variables[4]
    assert stored.shape == weight.shape and len(stored.data) == weight.size * bits // 8
    weights = PackedWeights.read(description.data, stored.data, maps=32)
    np.testing.assert_array_equal(weights.values(0).reshape(weight.shape), weight)
    assert packed.buffers == file.buffers
    assert len({variable.id for variable in packed.variables}) == 5


def test_the_file_is_bits_dictionary_and_descriptors(rng):
    file, weight = network(rng, 4, maps=(64, 64))
    packed, _ = pack_network(file)
    descriptors = len(to_bytes(file)) - weight.nbytes
    least = weight.size * 4 // 8 + 16 * 4 + descriptors
    assert len(to_bytes(packed)) <= 1.03 * least


def test_a_shared_weight_is_stored_once(rng):
    file, _ = network(rng, twice=True)
    packed, left = pack_network(file)
    assert left == [] and len(packed.variables) == 5
    assert packed.functions[0] == packed.functions[1]


def test_weights_that_are_given_are_taken(rng):
    file, weight = network(rng)
    given = PackedWeights(np.zeros(weight.shape, int), 3, None, np.float32([0.5]))
    packed, _ = pack_network(file, {1: given})
    assert packed.variables[4].data == given.description()


def changed_function(file, **changes):
    return replace(file, functions=(replace(file.functions[0], **changes),))


def changed_variable(file, number, **changes):
    variables = list(file.variables)
    variables[number] = replace(variables[number], **changes)
    return replace(file, variables=tuple(variables))


def test_what_the_kernels_lack_is_named_and_left(rng):
    file, weight = network(rng)
    many = rng.normal(size=weight.shape).astype(np.float32)
    endless = np.where(weight == weight.max(), np.inf, weight).astype(np.float32)
    last = {**ARGUMENTS, "channel_last": True}
    few, _ = network(rng, 8, maps=(1, 1))
    reader = NnbFunction("ReLU", 14, 0, (1,), (3,), {"inplace": False})
    cases = [
        (changed_variable(file, 1, data=many.tobytes()), "its weight has 2304 values"),
        (changed_variable(file, 1, data=endless.tobytes()), "its weight holds values that are not"),
        (changed_variable(file, 1, data=None, buffer=0), "its weight is computed"),
        (
            changed_variable(file, 3, type="FIXED8"),
            "its output is neither float, nor int8",
        ),
        (changed_variable(file, 0, shape=(1, 8, 1, 6, 6)), "it has 3 spatial dimensions"),
        (changed_function(file, arguments=last), "its channels are last"),
        (changed_function(file, implement=14), "it is marked for another user function"),
        (replace(file, functions=(*file.functions, reader)), "its weight is read by another"),
        (few, "codes and dictionary would take as many bytes"),
    ]
    for bad, reason in cases:
        packed, left = pack_network(bad)
        assert packed == bad
        assert [entry.function for entry in left] == [0]
        assert left[0].reason.startswith(reason)


def test_a_dictionary_has_at_most_256_entries(rng):
    assert dictionary_of(np.arange(256, dtype=np.float32)).bits == 8
    assert dictionary_of(np.arange(257, dtype=np.float32)) is None
    assert dictionary_of(np.zeros(5, np.float32)).bits == 1
