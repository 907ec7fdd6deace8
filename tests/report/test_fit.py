# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables of any width on lines of any width: every number is there, whole."""

from __future__ import annotations

import io
import re

import pytest

from nnabla_compress.cli.fitted_console import FittedConsole
from nnabla_compress.report.fit import fitted
from nnabla_compress.report.tables import layer_table, new_table

ROWS = [
    {
        "name": f"block{i}/convolution{i}", "type": "DepthwiseConvolution",
        "shape": [512, 512, 3, 3],
        "weights": 2_359_296 + i, "bits": 4, "distinct": 16, "packed_bytes": 1_179_712 + i,
        "float_bytes": 9_437_184 + i, "stored_bytes": 1_179_800, "storage": "bit_matrix",
    }
    for i in range(3)
]  # fmt: skip


def printed(table, width):
    console = FittedConsole(file=io.StringIO(), width=width)
    console.print(table)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 160])
def test_no_number_is_cut_at_any_width(width):
    text = printed(layer_table(ROWS), width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    for row in ROWS:
        for key in ("weights", "packed_bytes", "float_bytes"):
            assert re.search(rf"(?<![\d,]){row[key]:,}(?![\d,])", text), (key, row[key])
    assert "7,077,891" in text  # the sum


@pytest.mark.parametrize("width", [40, 160])
def test_no_line_ends_in_blanks(width):
    assert not [
        line for line in printed(layer_table(ROWS), width).splitlines() if line != line.rstrip()
    ]


def test_a_table_that_fits_is_one_and_a_wider_one_says_which_columns_follow():
    table = layer_table(ROWS)
    assert len(fitted(table, 200)) == 1
    parts = fitted(table, 60)
    assert len(parts) > 1
    assert str(parts[-1].title).startswith("... further columns: ")
    shown = [str(column.header) for part in parts for column in part.columns[1:]]
    assert [name for name in shown if name != "layer"] == [str(c.header) for c in table.columns[1:]]


def test_columns_that_tell_rows_apart_stand_in_every_part():
    table = new_table("Bits")
    for name in ("tensor", "bits", "largest difference", "signal to noise", "bytes of codes"):
        table.add_column(name, justify="right")
    for bits in (2, 4):
        table.add_row("conv", str(bits), "123456.789012", "12345.6789012", "123,456,789")
    for part in fitted(table, 44):
        assert [str(column.header) for column in part.columns][:2] == ["tensor", "bits"]


@pytest.mark.parametrize("width", [40, 160])
def test_a_title_is_on_one_line_where_there_is_room(width):
    table = new_table("binary_segmentation: API level 1")
    for name in ("a", "b"):
        table.add_column(name)
    table.add_row("1", "2")
    assert printed(table, width).splitlines()[0] == "binary_segmentation: API level 1"
