# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import io

from rich.console import Console

from nnabla_compress.report.result_tables import (
    compressed_name,
    result_table,
    size_cells,
    size_table,
)
from nnabla_compress.report.results import NetworkResults, Results

SIZES = {"nnb_bytes": 1234, "buffer_bytes": 5000, "parameter_bytes": 1000, "overhead_bytes": 234}
SIZES.update(float_nnb_bytes=1234, float_buffer_bytes=5000)
FLOAT = {"accuracy": 0.5, "loss": 1.5, "packed_weight_bytes": 80, "float_weight_bytes": 80, **SIZES}
COMPRESSED = {**FLOAT, "packed_weight_bytes": 20, "nnb_bytes": 600, "buffer_bytes": 9000}


def small(**more):
    content = {"name": "small", "seed": 0, "versions": {}, "date": "2026-01-01", "float": FLOAT}
    return Results.from_dict({**content, "compressed": COMPRESSED, **more})


def lines_of(table):
    console = Console(file=io.StringIO(), width=80)
    console.print(table)
    return console.file.getvalue().splitlines()


def test_flash_and_ram_stand_beside_each_other_in_80_columns():
    lines = lines_of(result_table([small()]))
    assert any("flash" in line and "RAM" in line for line in lines)
    row = next(line for line in lines if line.strip().startswith("small"))
    assert "600 B" in row and "9,000 B" in row and "0.250" in row


def test_other_measures_than_the_accuracy_have_columns():
    plain = {"loss": 0.25, "metrics": {"mean squared error": 0.125}, "loss_name": "SquaredError"}
    lines = lines_of(size_table(small(float=plain, compressed=plain)))
    assert any("mean squared" in line for line in lines) and any("0.125" in line for line in lines)


def test_a_run_without_scores_says_how_to_get_them():
    lines = lines_of(size_table(small(float={}, compressed={}, calibration_samples=20)))
    assert any("--evaluate" in line for line in lines)
    assert any("the run has no data" in line for line in lines_of(size_table(small(float={}))))


def test_the_compressed_row_is_never_called_float():
    assert compressed_name("float") != "float"
    assert compressed_name("net") == "net"


def test_what_was_not_written_is_left_empty():
    assert size_cells(NetworkResults()) == ["", "", "", ""]
