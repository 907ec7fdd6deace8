# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Arm's boards with a Cortex-M33 or M55, whose programs start in the secure state."""

from __future__ import annotations

from typing import Tuple

from nnabla_compress.device.boards.board import Board, Microcontroller, Region
from nnabla_compress.device.boards.cortex_m import COMPILER, PACKAGES

_KB, _MB = 1 << 10, 1 << 20
_HARD = "-mfloat-abi=hard"

BOARDS: Tuple[Board, ...] = (
    Microcontroller(
        "mps2-an505",
        "Cortex-M33",
        ("m33", "cortex-m33"),
        COMPILER,
        ("-mthumb", "-mcpu=cortex-m33", "-mfpu=fpv5-sp-d16", _HARD),
        PACKAGES,
        "mps2-an505",
        (Region(0x10000000, _MB), Region(0x10100000, 3 * _MB), Region(0x38000000, 4 * _MB)),
        20_000_000,
    ),
    Microcontroller(
        "mps3-an547",
        "Cortex-M55",
        ("m55", "cortex-m55"),
        COMPILER,
        ("-mthumb", "-mcpu=cortex-m55", _HARD),
        PACKAGES,
        "mps3-an547",
        (Region(0x10000000, 512 * _KB), Region(0x11000000, 2 * _MB), Region(0x31000000, 4 * _MB)),
        32_000_000,
    ),
)
