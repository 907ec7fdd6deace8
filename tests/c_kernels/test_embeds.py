# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Embed on tables of codes in a file: rewritten, on the C runtime, in the simulator."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.c_kernels.embeds import pack_embeds
from nnabla_compress.c_kernels.layout import IMPLEMENT
from nnabla_compress.embeddings import compress_table
from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, to_bytes
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS, has_packed_tables
from tests.c_kernels.test_packed_nnablart import WRONG_MEMORY, WRONG_SHAPE, WRONG_SIZE, WRONG_TEXT
from tests.c_kernels.test_packed_nnablart import run as run_program
from tests.exporters import test_packed_tables as exported

ROWS = np.random.RandomState(0).randn(37, 10).astype(np.float32)
QUANTIZERS = {
    "lut": Q.LUT(bits=3),
    "rowlut": Q.RowLUT(bits=2, rows=7),
    "uniform by row": Q.Uniform(bits=4, axis=0, learn=None),
    "pq": Q.PQ(bits=3, length=4),
}
IDS = np.float32([[36, 0, 5], [5, 17, 1]])


def one_embed(table):
    """A network of one Embed with a float table."""
    variables = (
        NnbVariable(0, (2, 3), "FLOAT32", buffer=0),
        NnbVariable(1, table.shape, "FLOAT32", data=table.decode().tobytes()),
        NnbVariable(2, (2, 3, table.width), "FLOAT32", buffer=1),
    )
    embed = NnbFunction("Embed", 10, 0, (0, 1), (2,), {})
    return NnbFile(3, 44, (24, 24 * table.width), variables, (embed,), (0,), (2,))


@pytest.fixture(params=QUANTIZERS)
def table(request):
    return compress_table(ROWS, QUANTIZERS[request.param])


@pytest.fixture
def packed(table):
    made, left = pack_embeds(one_embed(table), [table])
    assert not left and has_packed_tables(made)
    return made


@pytest.mark.parametrize("mode", ["exact", "fast"])
@pytest.mark.parametrize("runtime", ["stub", "real"])
def test_runtime_and_simulator_give_the_rows_that_python_decodes(
    request, tmp_path, table, packed, runtime, mode
):
    program = request.getfixturevalue(runtime)
    status, messages, y = run_program(program, tmp_path, mode, to_bytes(packed), IDS)
    assert (status, messages) == (0, "")
    expected = table.rows(IDS.ravel())
    assert y.tobytes() == expected.tobytes()
    found = Machine(to_bytes(packed), callbacks=PACKED_CALLBACKS).forward([IDS])[0]
    assert found.tobytes() == expected.tobytes()


@pytest.mark.parametrize("number", [37, -1, 0.5, np.nan, 2.0**24])
def test_a_row_that_is_not_there_makes_the_forward_fail(stub, tmp_path, packed, number):
    ids = IDS.copy()
    ids[1, 2] = number
    status, _, y = run_program(stub, tmp_path, "exact", to_bytes(packed), ids)
    assert status != 0 and y is None


def changed(file, number, **changes):
    variables = list(file.variables)
    variables[number] = replace(variables[number], **changes)
    return to_bytes(replace(file, variables=tuple(variables)))


def test_damaged_tables_are_refused_when_the_file_is_opened(stub, tmp_path):
    table = compress_table(ROWS, Q.LUT(dictionary="ternary"))
    file, _ = pack_embeds(one_embed(table), [table])
    content = bytes(file.variables[1].data)
    size = len(content)
    cases = {
        "another mark": (changed(file, 1, data=b"X" + content[1:]), WRONG_TEXT),
        "another version": (changed(file, 1, data=content[:4] + b"\2" + content[5:]), WRONG_TEXT),
        "more rows": (changed(file, 1, data=content[:8] + b"\x26" + content[9:]), WRONG_SIZE),
        "cut": (changed(file, 1, data=content[:-8], shape=(size - 8,)), WRONG_SIZE),
        "cut head": (changed(file, 1, data=content[:36], shape=(36,)), WRONG_TEXT),
        "shorter than its shape": (changed(file, 1, data=content[:-8]), WRONG_MEMORY),
        "a code without entry": (changed(file, 1, data=content[:-1] + b"\xff"), WRONG_TEXT),
        "another width": (changed(file, 2, shape=(2, 3, 9)), WRONG_SHAPE),
        "no parameter": (changed(file, 1, data=None, buffer=0, shape=(24,)), WRONG_SIZE),
    }
    for what, (network, expected) in cases.items():
        status, messages, _ = run_program(stub, tmp_path, "exact", network, IDS)
        assert (status, messages) == (1, expected), what


def test_a_table_that_another_function_reads_stays_for_it(table):
    file = one_embed(table)
    affine = NnbFunction("Affine", 0, 0, (3, 1), (4,), {"base_axis": 1})
    more = (
        *file.variables,
        NnbVariable(3, (1, 37), "FLOAT32", buffer=0),
        NnbVariable(4, (1, 10), "FLOAT32", buffer=1),
    )
    shared = replace(file, variables=more, functions=(*file.functions, affine))
    made, _ = pack_embeds(shared, [table])
    assert made.variables[1] == file.variables[1]
    assert made.functions[0].inputs == (0, 5) and made.functions[0].implement == IMPLEMENT
    assert made.functions[1] == affine


def test_two_embeds_share_a_table(table):
    file = one_embed(table)
    made, _ = pack_embeds(replace(file, functions=(*file.functions, *file.functions)), [table])
    assert [one.inputs for one in made.functions] == [(0, 1), (0, 1)]
    assert len(made.variables) == 3


def test_a_table_of_other_bits_is_left(table):
    other = replace(table, codebooks=table.codebooks * np.float32(2))
    file = one_embed(table)
    made, left = pack_embeds(file, [other])
    assert made == file and left[0] is other


@pytest.mark.long
@pytest.mark.parametrize("name", exported.QUANTIZERS)
def test_an_exported_network_gives_the_bits_of_the_simulator_on_the_runtime(real, tmp_path, name):
    ids, h, y = exported.network(exported.QUANTIZERS[name])
    export_nnp(tmp_path / "net.nnp", {"h": h, "y": y}, {"ids": ids}, target="callback")
    nnb = export_nnb(tmp_path / "packed.nnb", tmp_path / "net.nnp")
    status, messages, rows = run_program(real, tmp_path, "exact", nnb.read_bytes(), exported.IDS)
    assert (status, messages) == (0, "")
    expected = Machine(nnb, callbacks=PACKED_CALLBACKS).forward([exported.IDS])
    assert rows.tobytes() == expected[0].tobytes() == h.d.tobytes()
    assert (tmp_path / "out_1.bin").read_bytes() == expected[1].tobytes()
