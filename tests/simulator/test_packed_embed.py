# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Embed on tables of codes in the simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnabla_compress.c_kernels.embeds import pack_embeds
from nnabla_compress.errors import DataError
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, to_bytes
from nnabla_compress.row_codes import RowCodes
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS

RNG = np.random.RandomState(0)
TABLE = RowCodes(
    RNG.randint(0, 4, (20, 3)).astype(np.uint8),
    2,
    RNG.randn(1, 3, 4, 2).astype(np.float32),
    (20, 5),
    scales=RNG.rand(20).astype(np.float32),
)


def network():
    variables = (
        NnbVariable(0, (1, 4), "FLOAT32", buffer=0),
        NnbVariable(1, (20, 5), "FLOAT32", data=TABLE.decode().tobytes()),
        NnbVariable(2, (1, 4, 5), "FLOAT32", buffer=1),
    )
    embed = NnbFunction("Embed", 10, 0, (0, 1), (2,), {})
    made, _ = pack_embeds(NnbFile(3, 44, (16, 80), variables, (embed,), (0,), (2,)), [TABLE])
    return made


def test_samples_side_by_side_each_get_their_rows():
    ids = RNG.randint(0, 20, (7, 4)).astype(np.float32)
    machine = Machine(to_bytes(network()), callbacks=PACKED_CALLBACKS)
    found = machine.run_many([ids])[0]
    assert found.tobytes() == TABLE.rows(ids.ravel()).tobytes()


@pytest.mark.parametrize("number", [20, -1, 0.5, np.nan, np.inf])
def test_a_row_that_is_not_there_is_refused(number):
    machine = Machine(to_bytes(network()), callbacks=PACKED_CALLBACKS)
    with pytest.raises(DataError, match=r"is asked for row .* of a table of 20"):
        machine.forward([np.float32([[0, 1, 2, number]])])


@pytest.mark.parametrize("word", [0, 1, 2, 3, 4, 5, 6, 7, 9])
def test_a_damaged_table_is_refused(word):
    made = network()
    content = bytearray(made.variables[1].data)
    content[4 * word : 4 * word + 4] = b"\xff\xff\xff\xff"
    variables = list(made.variables)
    variables[1] = replace(variables[1], data=bytes(content))
    machine = Machine(to_bytes(replace(made, variables=tuple(variables))), PACKED_CALLBACKS)
    with pytest.raises(DataError, match="Embed"):
        machine.forward([np.float32([[0, 1, 2, 3]])])
