# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Nominal cycles of a forward on an emulated Cortex-M: every instruction weighed, no waiting.

    python tests/benchmarks/measure_nominal_cycles.py FILE.nnb [--kernels exact] [--board m4f]

An estimate to compare kernels by, no time: a load or store takes 2 cycles, one of two words 3, of
n words 1 + n, a taken branch 3, a division 7 (of floats 14), a float multiplication with an
addition 3, a vector instruction of 128 bits 2, everything else 1. QEMU tells which blocks of code
ran, the disassembly what is in them. NNABLART_SOURCE names the sources of the C runtime.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Dict, Tuple

import numpy as np

from nnabla_compress.device import find_board
from nnabla_compress.device.firmware import MODES, Firmware, build_firmware, kernels_for
from nnabla_compress.device.runtime_source import find_runtime
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS

_CONDITION = "(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)"
_BRANCH = re.compile(rf"(bl?x?{_CONDITION}?|blxns|bxns|cbn?z|tb[bh]|bkpt|svc|le|letp)$")
_REGISTER = re.compile(r"\b(?:r\d+|sl|fp|ip|lr|pc)\b")
_TAKEN = 2  # cycles more
_VECTOR = (*("vld1", "vst1", "vldrb", "vstrb", "vldrw", "vstrw", "vidup", "vdup"), "vmla.", "vmlav")
_VECTOR += ("vmlada", "vmul.i", "vadd.i")
# By what an instruction begins with, the first that fits.
_COSTS = (
    (("vdiv", "vsqrt"), 14),
    (("sdiv", "udiv"), 7),
    (("vfma", "vmla", "vfms", "vmls", "ldrd", "strd"), 3),
    (("ldr", "str", "vldr", "vstr"), 2),
)


def cost(name: str, operands: str) -> int:
    """The cycles of an instruction, without those of a branch that is taken."""
    if name.startswith(("ldm", "stm", "push", "pop", "vpush", "vpop", "vldm", "vstm")):
        words = operands[operands.find("{") :]
        return 1 + max(1, len(_REGISTER.findall(words)))
    if name.startswith(_VECTOR) and "f32" not in name:
        return 2
    return next((cycles for starts, cycles in _COSTS if name.startswith(starts)), 1)


class Program:
    """The instructions of a program, block by block."""

    def __init__(self, path: Path) -> None:
        command = ["arm-none-eabi-objdump", "-d", str(path)]
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        self._code: Dict[int, Tuple[str, str, int]] = {}
        for line in text.splitlines():
            found = re.match(r"\s*([0-9a-f]+):\t([0-9a-f ]+)\t(\S+)\s*([^@]*)", line)
            if found:
                size = 4 if len(found[2].replace(" ", "")) > 4 else 2
                self._code[int(found[1], 16)] = (found[3], found[4], size)
        self._blocks: Dict[int, Tuple[int, int, int]] = {}

    def block(self, address: int) -> Tuple[int, int, int]:
        """Cycles and instructions from an address to the next branch, and the address behind it."""
        if address not in self._blocks:
            cycles, count, at, ended = 0, 0, address, False
            while at in self._code and not ended:
                name, operands, size = self._code[at]
                cycles, count, at = cycles + cost(name, operands), count + 1, at + size
                jumps = "pc" in operands and name.startswith(("pop", "ldm", "ldr", "mov", "add"))
                ended = jumps or _BRANCH.match(name.partition(".")[0]) is not None
            self._blocks[address] = cycles, count, at
        return self._blocks[address]


def counted(firmware: Firmware, program: Program, machine: Machine, forwards: int) -> np.ndarray:
    """Cycles and instructions of a run with so many forwards."""
    folder, rng = firmware.program.parent, np.random.RandomState(0)
    with open(folder / "samples.bin", "wb") as file:
        np.array([forwards, 0], np.uint32).tofile(file)
        for _ in range(forwards):
            for port in machine.inputs:
                port.stored(rng.normal(size=port.shape).astype(np.float32)).tofile(file)
    board = firmware.board
    command = [board.emulator, *map(str, board.command(firmware.program))]
    command += ["-d", "exec,nochain"]
    total, last = np.zeros(2, np.int64), None
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if not line.startswith(b"Trace"):
                continue
            address = int(line[line.index(b"[") + 1 :].split(b"/")[1], 16)
            if last is not None:
                cycles, count, behind = program.block(last)
                total += cycles + (_TAKEN if address != behind else 0), count
            last = address
    return total


def main() -> None:
    """Prints cycles and instructions of a forward, in millions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nnb", type=Path)
    parser.add_argument("--kernels", choices=MODES)
    parser.add_argument("--board", default="m4f")
    chosen = parser.parse_args()
    machine = Machine(chosen.nnb, callbacks=PACKED_CALLBACKS)
    kernels = kernels_for(chosen.nnb, chosen.kernels)
    with tempfile.TemporaryDirectory() as folder:
        board = find_board(chosen.board)
        firmware = build_firmware(Path(folder), board, chosen.nnb, find_runtime(), kernels, 0)
        program = Program(firmware.program)
        # Start and end are in both runs, and the forward that goes function by function.
        once, twice = (counted(firmware, program, machine, count) for count in (1, 2))
    cycles, count = (twice - once) / 1e6
    print(f"{cycles:.2f} million nominal cycles, {count:.2f} million instructions")


if __name__ == "__main__":
    main()
