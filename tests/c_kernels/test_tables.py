# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The C kernel of Embed on tables of codes gives the rows that Python decodes, bit for bit."""

from __future__ import annotations

import ctypes as ct
import subprocess

import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.c_kernels import TABLE, source_folder
from nnabla_compress.c_kernels.tables import table_bytes, table_of
from nnabla_compress.embeddings import compress_table
from nnabla_compress.errors import ExportError

ROWS = np.random.RandomState(0).randn(37, 10).astype(np.float32)
QUANTIZERS = {
    "lut 3 bits": Q.LUT(bits=3),
    "lut 8 bits": Q.LUT(bits=8),
    "rowlut": Q.RowLUT(bits=2, rows=7),
    "uniform": Q.Uniform(bits=5),
    "uniform by row": Q.Uniform(bits=4, axis=0, learn=None),
    "pq": Q.PQ(bits=3, length=4),
    "pq of one number": Q.PQ(bits=1, length=1),
}


@pytest.fixture(params=QUANTIZERS, scope="module")
def table(request):
    return compress_table(ROWS, QUANTIZERS[request.param])


class CTable(ct.Structure):
    """packed_table_t."""

    _fields_ = [
        *((name, ct.c_void_p) for name in ("codes", "codebooks", "scales")),
        *((n, ct.c_uint32) for n in ("rows", "width", "parts", "length", "entries", "books")),
        *((n, ct.c_uint32) for n in ("group", "row_bytes")),
        ("bits", ct.c_uint8),
    ]


@pytest.fixture(scope="module")
def library(gcc, tmp_path_factory):
    path = tmp_path_factory.mktemp("table") / "table.so"
    flags = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fPIC", "-shared"]
    source = source_folder() / TABLE[0]
    subprocess.run([gcc, *flags, "-o", str(path), str(source)], check=True)
    return ct.CDLL(str(path))


class Held:
    """A table that C has read; its memory stays."""

    def __init__(self, library, content):
        self.memory = np.zeros(len(content) // 4 + 2, "<f4")
        self.memory.view(np.uint8)[: len(content)] = np.frombuffer(content, np.uint8)
        self.table = CTable()
        self.library = library
        place = ct.c_void_p(self.memory.ctypes.data)
        self.status = library.packed_table_read(
            place, ct.c_size_t(len(content)), ct.byref(self.table)
        )

    def rows(self, numbers, kind):
        numbers = np.asarray(numbers, kind)
        y = np.full((len(numbers), self.table.width), np.nan, np.float32)
        name = "packed_embed" if kind == np.uint32 else "packed_embed_float"
        pointers = [ct.c_void_p(a.ctypes.data) for a in (numbers, y)]
        status = getattr(self.library, name)(
            ct.byref(self.table), pointers[0], ct.c_uint32(len(numbers)), pointers[1]
        )
        return status, y


@pytest.mark.parametrize("kind", [np.uint32, np.float32])
def test_rows_are_those_that_python_decodes(library, table, kind):
    held = Held(library, table_bytes(table))
    assert held.status == 0
    status, found = held.rows([36, 0, 5, 5], kind)
    assert status == 0
    assert found.tobytes() == table.rows(np.array([36, 0, 5, 5])).tobytes()


def test_its_bytes_come_back_as_the_same_table(table):
    again = table_of(table_bytes(table))
    assert again.decode().tobytes() == table.decode().tobytes()
    assert len(table_bytes(table)) == 40 + table.nbytes


def test_rows_that_are_not_there_are_refused(library):
    held = Held(library, table_bytes(compress_table(ROWS, Q.PQ(3, 4))))
    assert held.rows([37], np.uint32)[0] == 4
    for number in (37, -1, 0.5, np.nan, np.inf, 2**24):
        assert held.rows([number], np.float32)[0] == 4


@pytest.mark.parametrize("word", range(10))
@pytest.mark.parametrize("value", [0, 1, 3, 2**31, 2**32 - 1])
def test_a_damaged_head_is_refused_or_harmless(library, word, value):
    content = bytearray(table_bytes(compress_table(ROWS, Q.PQ(3, 4))))
    before = bytes(content)
    content[4 * word : 4 * word + 4] = value.to_bytes(4, "little")
    held = Held(library, bytes(content))
    if held.status == 0:  # a code may stand for other numbers, within the same memory
        assert held.rows([0, held.table.rows - 1], np.uint32)[0] == 0
    elif bytes(content) != before:
        assert held.status in (1, 2, 3)


def test_a_table_that_was_cut_short_is_refused(library):
    content = table_bytes(compress_table(ROWS, Q.PQ(3, 4)))
    for size in (0, 39, 40, len(content) - 1):
        assert Held(library, content[:size]).status in (1, 2)
        with pytest.raises(ExportError, match="is damaged"):
            table_of(content[:size])


def test_a_code_without_an_entry_is_refused(library):
    small = compress_table(ROWS, Q.LUT(dictionary="ternary"))
    content = bytearray(table_bytes(small))
    content[-1] = 0xFF
    assert small.codebooks.shape[2] == 3 and Held(library, bytes(content)).status == 3
