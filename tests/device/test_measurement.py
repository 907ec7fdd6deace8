# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""From what a program reports to bytes and instructions."""

from __future__ import annotations

from pathlib import Path

import pytest

from nnabla_compress.device import find_board
from nnabla_compress.device.emulator import Ran
from nnabla_compress.device.firmware import Firmware
from nnabla_compress.device.measurement import measurement
from nnabla_compress.nnb import read_nnb

REPORT = {
    "init_ticks": [10],
    "forward_ticks": [100, 99],
    "function_ticks": [30, 70],
    "variables": [48],
    "context": [1000],
    "scratch": [600],
    "extent": [1100],
    "static": [64],
    "stack": [512],
}


def test_ticks_become_instructions_of_the_board(relus):
    firmware = Firmware(find_board("mps2-an505"), Path("fw"), 3000, 400)
    found = measurement(firmware, read_nnb(relus), Ran((), REPORT, b""))
    assert (found.init_instructions, found.forward_instructions) == (500, (5000, 4950))
    assert [layer.instructions for layer in found.layers] == [1500, 3500]
    assert [layer.number for layer in found.slowest] == [1, 0]
    assert found.slowest[0].share == pytest.approx(0.7)


def test_scratch_memory_and_gaps_of_the_heap_are_told_apart(relus):
    firmware = Firmware(find_board("m4f"), Path("fw"), 3000, 400)
    found = measurement(firmware, read_nnb(relus), Ran((), REPORT, b""))
    ram = {"static": 64, "buffers": 48, "context": 400, "scratch": 600, "heap": 52, "stack": 512}
    assert vars(found.ram) == ram and found.ram.total == 64 + 1100 + 512
    assert found.flash.total == 3400
    assert found.as_dict()["flash"] == {"code": 3000, "network": 400, "total": 3400}


def test_under_linux_only_what_the_program_knows_itself_is_told(relus):
    report = {**REPORT, "static": [0], "stack": [0]}
    firmware = Firmware(find_board("aarch64"), Path("fw"), None, 400)
    found = measurement(firmware, read_nnb(relus), Ran((), report, b""))
    assert (found.flash, found.init_instructions, found.layers) == (None, None, ())
    assert found.ram.total == 1048
