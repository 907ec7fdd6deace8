# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Arm's MPS2 boards with a Cortex-M0, M3, M4F or M7."""

from __future__ import annotations

from typing import Tuple

from nnabla_compress.device.boards.board import Board, Microcontroller, Region

PACKAGES = ("qemu-system-arm", "gcc-arm-none-eabi", "libnewlib-arm-none-eabi")
COMPILER = "arm-none-eabi-"
_MB = 1 << 20
_MEMORY = (
    Region(0x00000000, _MB),
    Region(0x00100000, 3 * _MB),
    Region(0x20000000, 4 * _MB),
)
_HERTZ = 25_000_000


def _board(
    name: str, core: str, others: Tuple[str, ...], machine: str, *flags: str
) -> Microcontroller:
    return Microcontroller(
        name, core, others, COMPILER, ("-mthumb", *flags), PACKAGES, machine, _MEMORY, _HERTZ
    )


BOARDS: Tuple[Board, ...] = (
    # No board of QEMU's with a Cortex-M0 has the memory: its programs are a part of those of a M3.
    _board("mps2-an385-m0", "Cortex-M0", ("m0", "cortex-m0"), "mps2-an385", "-mcpu=cortex-m0"),
    _board("mps2-an385", "Cortex-M3", ("m3", "cortex-m3"), "mps2-an385", "-mcpu=cortex-m3"),
    _board(
        "mps2-an386",
        "Cortex-M4F",
        ("m4", "m4f", "cortex-m4", "cortex-m4f"),
        "mps2-an386",
        *("-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"),
    ),
    _board(
        "mps2-an500",
        "Cortex-M7",
        ("m7", "cortex-m7"),
        "mps2-an500",
        *("-mcpu=cortex-m7", "-mfpu=fpv5-d16", "-mfloat-abi=hard"),
    ),
)
