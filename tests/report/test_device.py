# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tests on boards, as they are printed."""

from __future__ import annotations

import io
from pathlib import Path

from nnabla_compress.agreement import agreement
from nnabla_compress.cli.fitted_console import FittedConsole
from nnabla_compress.device import DeviceTest, Limits, find_board
from nnabla_compress.device.measurement import Flash, LayerTime, Measurement, Ram
from nnabla_compress.nnb.memory_plan import MemoryPlan, Moment
from nnabla_compress.report.device import device_tables
from nnabla_compress.verification.report import BITS

RAM = Ram(64, 128, 256, 512, 32, 400)
MEMORY = MemoryPlan((Moment(0, "ReLU", (1, 8), 96), Moment(1, "Add2", (1, 8), 112)), 128)


def printed(board, measured, limits):
    found = DeviceTest(
        *(Path("net.nnb"), find_board(board), "exact", 0, "two rows", 2, BITS),
        *({"output 0": agreement([[[1.0]]], [[[1.0]]])}, None, measured, MEMORY, limits),
        *({"compiler": "gcc 12"}, ()),
    )
    console = FittedConsole(file=io.StringIO(), width=100)
    for part in device_tables(found):
        console.print(part)
    return console.file.getvalue()


def test_regions_limits_and_slowest_layers_are_shown():
    layers = tuple(LayerTime(n, "ReLU", (1, 4), 10**6 * n, n / 45) for n in range(10))
    measured = Measurement(Flash(3000, 400), RAM, 1234, (5678, 5600), layers)
    text = printed("m4f", measured, Limits(ram=2048))
    assert "net.nnb on mps2-an386 (Cortex-M4F), exact kernels, run 2 times: two rows" in text
    assert "bit for bit" in text and "yes" in text
    assert "112 bytes at most, in function 1 (Add2); all buffers take 128" in " ".join(text.split())
    (row,) = [line for line in text.splitlines() if "█" * 18 in line and "0 ReLU" in line]
    assert row.split()[2:4] == ["1x8", "96"]
    rows = [line.split() for line in text.splitlines()]
    assert ["all", "3,400"] in rows and ["all,", "of", "2,048", "1,392"] in rows
    assert ["heap's", "own", "32"] in rows
    assert "5,678 instructions for the first forward, 5,600 for a further one; 1,234" in text
    slowest = [row[0] for row in rows if row[1:2] == ["ReLU"] and row[-1] == "%"]
    assert slowest == [str(n) for n in range(9, 1, -1)] and "20.0 %" in text


def test_what_is_not_counted_is_said():
    measured = Measurement(None, Ram(0, 128, 256, 512, 0, 0), None, (), ())
    text = printed("riscv64", measured, Limits())
    assert "are not counted on riscv64" in text
    rows = [line.split() for line in text.splitlines()]
    assert ["RAM", "buffers", "128"] in rows and not any(row[:1] == ["stack"] for row in rows)
