# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Files with packed weights and a description, in the simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.c_kernels.rewrite import pack_network
from nnabla_compress.errors import CompressError
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, to_bytes
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS, needs_callbacks


def affine(rng, bits=2, rows=2):
    """A float network of one Affine whose weight has few values."""
    weight = rng.normal(size=2**bits).astype("<f4")[rng.randint(0, 2**bits, (5, 40))]
    variables = (
        NnbVariable(0, (rows, 40), "FLOAT32", buffer=0),
        NnbVariable(1, (40, 5), "FLOAT32", data=weight.tobytes()),
        NnbVariable(2, (5,), "FLOAT32", data=rng.normal(size=5).astype("<f4").tobytes()),
        NnbVariable(3, (rows, 5), "FLOAT32", buffer=1),
    )
    function = NnbFunction("Affine", 0, 0, (0, 1, 2), (3,), {"base_axis": 1})
    return NnbFile(3, 44, (160 * rows, 20 * rows), variables, (function,), (0,), (3,))


def changed(file, number, **changes):
    variables = list(file.variables)
    variables[number] = replace(variables[number], **changes)
    return replace(file, variables=tuple(variables))


def test_a_packed_layer_gives_the_bits_of_the_float_one(rng):
    file = affine(rng)
    packed, left = pack_network(file)
    assert left == [] and needs_callbacks(packed) and not needs_callbacks(file)
    x = rng.normal(size=(2, 40)).astype(np.float32)
    machine = Machine(to_bytes(packed), callbacks=PACKED_CALLBACKS)
    assert machine.warnings == []
    expected = Machine(file).forward([x])[0]
    for _ in range(2):
        np.testing.assert_array_equal(machine.forward([x])[0], expected)


def test_without_the_callbacks_the_simulator_refuses(rng):
    packed, _ = pack_network(affine(rng))
    machine = Machine(packed)
    assert "a program has to register it" in machine.warnings[0]
    with pytest.raises(CompressError, match="functions with packed weights need their callback"):
        machine.forward([np.zeros((2, 40), np.float32)])


def test_what_the_c_kernels_refuse_is_refused(rng):
    packed, _ = pack_network(affine(rng))
    codes, description = packed.variables[1].data, packed.variables[4].data
    other = PackedWeights(np.zeros(201, int), 2, np.zeros(4, np.float32)).description()
    cases = [
        (changed(packed, 1, data=codes[:-4]), "200 codes of 2 bits in 48 bytes"),
        (changed(packed, 1, data=codes + bytes(4)), "200 codes of 2 bits in 56 bytes"),
        (changed(packed, 4, data=other), "201 codes of 2 bits"),
        (changed(packed, 4, data=description[:12]), "has 12 bytes, at least 16"),
        (changed(packed, 4, data=b"\x07" + description[1:]), "begins with"),
        (changed(packed, 4, data=description[:-4]), "has 4 numbers where"),
        (changed(packed, 1, type="FLOAT32"), "are not both INT8"),
        (changed(packed, 1, data=None, buffer=0), "are not both parameters"),
        (changed(packed, 0, type="FIXED8"), "does not run"),
    ]
    for file, match in cases:
        machine = Machine(file, callbacks=PACKED_CALLBACKS)
        x = np.zeros((2, 40), machine.inputs[0].dtype)
        with pytest.raises(CompressError, match=match):
            machine.forward([x])
