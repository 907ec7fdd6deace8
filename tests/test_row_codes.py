# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError
from nnabla_compress.row_codes import RowCodes, unpacked


def drawn(rows=9, width=10, length=4, bits=3, group=0, books=None, scales=False, seed=0):
    rng = np.random.RandomState(seed)
    parts = -(-width // length)
    shape = 1 if not group else -(-rows // group), books or parts, 2**bits, length
    return RowCodes(
        rng.randint(2**bits, size=(rows, parts)).astype(np.uint8),
        bits,
        rng.randn(*shape).astype(np.float32),
        (rows, width),
        group,
        rng.randn(rows).astype(np.float32) if scales else None,
    )


@pytest.mark.parametrize("group", [0, 2, 9, 20])
@pytest.mark.parametrize("books", [1, None])
@pytest.mark.parametrize("scales", [False, True])
def test_rows_are_what_their_codes_stand_for(group, books, scales):
    table = drawn(group=group, books=books, scales=scales)
    found = table.decode()
    for row in range(9):
        whole = [
            table.codebooks[row // group if group else 0, part if books is None else 0, code]
            for part, code in enumerate(table.codes[row])
        ]
        expected = np.concatenate(whole)[:10]
        if scales:
            expected = expected * table.scales[row]
        np.testing.assert_array_equal(found[row], expected)
    np.testing.assert_array_equal(table.rows(np.array([4, 1])), found[[4, 1]])


@pytest.mark.parametrize("bits", range(1, 9))
def test_packed_codes_come_back_and_take_whole_bytes_a_row(bits):
    table = drawn(width=13, length=1, bits=bits)
    packed = table.packed()
    assert packed.shape == (9, -(-13 * bits // 8)) == (9, table.row_bytes)
    np.testing.assert_array_equal(unpacked(packed, bits, 13), table.codes)
    assert table.nbytes == packed.nbytes + table.codebooks.nbytes


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(np.array([[0, 3], [1, 2]]), 2, dictionary=np.float32([-1, 0, 0.5, 2])),
        Encoding(np.array([[-3, 3], [1, 0]]), 3, scale=np.float32(0.3)),
        Encoding(np.array([[0, 3], [1, 0]]), 3, scale=np.float32([0.3, 0.7]), axis=0),
        Encoding(np.array([[0, 3], [1, 0]]), 2, scale=np.float32(0.3), zero_point=3, spacing=2),
    ],
)
def test_an_encoding_becomes_row_codes_of_the_same_bits(encoding):
    assert encoding.row_codes().decode().tobytes() == encoding.decode().tobytes()


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(np.array([[0, 1]]), 1, kept=np.float32([2])),
        Encoding(np.array([[0, 900]]), 10, scale=np.float32(0.3)),
        Encoding(np.array([[0, 1]]), 1, scale=np.float32([0.3, 0.7]), axis=1),
    ],
)
def test_an_encoding_of_another_form_is_refused(encoding):
    with pytest.raises(ExportError, match="no row codes"):
        encoding.row_codes()


@pytest.mark.parametrize(
    "changed",
    [
        {"codes": np.uint8([[9] * 3] * 9)},
        {"codes": np.zeros((8, 3), np.uint8)},
        {"bits": 9},
        {"bits": 2},
        {"shape": (9, 13)},
        {"shape": (9, 8)},
        {"group": 2},
        {"scales": np.ones(3, np.float32)},
    ],
)
def test_parts_that_do_not_fit_are_refused(changed):
    with pytest.raises(ValueError):
        RowCodes(**{**vars(drawn()), **changed})
