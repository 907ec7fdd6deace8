# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Processors under Linux."""

from __future__ import annotations

from typing import Tuple

from nnabla_compress.device.boards.board import Board, LinuxTarget

BOARDS: Tuple[Board, ...] = (
    LinuxTarget(
        "aarch64",
        "Arm, 64 bits",
        ("arm64",),
        "aarch64-linux-gnu-",
        (),
        ("qemu-user", "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"),
        "qemu-aarch64",
        None,
    ),
    LinuxTarget(
        "armhf",
        "Arm, 32 bits, with NEON",
        ("arm",),
        "arm-linux-gnueabihf-",
        ("-mfpu=neon-vfpv4",),
        ("qemu-user", "gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"),
        "qemu-arm",
        "max",
    ),
    LinuxTarget(
        "riscv64",
        "RISC-V, 64 bits",
        (),
        "riscv64-linux-gnu-",
        (),
        ("qemu-user", "gcc-riscv64-linux-gnu", "libc6-dev-riscv64-cross"),
        "qemu-riscv64",
        None,
    ),
)
