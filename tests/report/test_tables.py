# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io

from rich.console import Console

from nnabla_compress.report.tables import compressed_name, result_table, size_cells

FLOAT = {"accuracy": 0.5, "packed_weight_bytes": 80, "float_weight_bytes": 80, "nnb_bytes": 1234,
         "buffer_bytes": 5000}  # fmt: skip
COMPRESSED = {**FLOAT, "packed_weight_bytes": 20, "nnb_bytes": 600, "buffer_bytes": 9000}


def test_flash_and_ram_stand_beside_each_other_in_80_columns():
    console = Console(file=io.StringIO(), width=80)
    console.print(result_table([{"name": "small", "float": FLOAT, "compressed": COMPRESSED}]))
    lines = console.file.getvalue().splitlines()
    assert any("flash" in line and "RAM" in line for line in lines)
    row = next(line for line in lines if line.strip().startswith("small"))
    assert "600 B" in row and "9,000 B" in row and "0.250" in row


def test_the_compressed_row_is_never_called_float():
    assert compressed_name({"name": "float"}) != "float"
    assert compressed_name({"name": "net"}) == "net"


def test_what_was_not_written_is_left_empty():
    assert size_cells({}) == ["", "", "", ""]
