# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Running a program of a board in QEMU, with a limit of time."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Sequence, Tuple

import numpy as np

from nnabla_compress.device.firmware import Firmware
from nnabla_compress.device.toolchain import find_program
from nnabla_compress.errors import ExportError, VerifyError
from nnabla_compress.simulator import Machine

SECONDS = 600.0
_SAID = 6  # lines
_SHORT, _NOT_STARTED = 3, 8


@dataclass(frozen=True)
class Ran:
    """What a program did.

    Args:
        outputs: Of the network: real values, float32, (samples, ...).
        report: What it measured, numbers by name in the order of their lines.
        trace: Bytes of what each function gave for the first sample, if they were asked for.
    """

    outputs: Tuple[np.ndarray, ...]
    report: Dict[str, List[int]]
    trace: bytes


def run_firmware(
    firmware: Firmware,
    machine: Machine,
    batches: Sequence[Sequence[np.ndarray]],
    trace: bool = False,
    seconds: float = SECONDS,
) -> Ran:
    """Runs a network on its board.

    Args:
        firmware: The program.
        machine: The simulator with the same network, which knows inputs and outputs.
        batches: For each forward the real values of each input, of its shape.
        trace: Whether to record what each function gives for the first one.
        seconds: How long it may take.

    Raises:
        ConfigError: If there is no emulator.
        ExportError: If the board's memory is too small; says by how much.
        VerifyError: If it fails, or takes too long.
    """
    board, folder = firmware.board, firmware.program.parent
    with open(folder / "samples.bin", "wb") as file:
        np.array([len(batches), trace], np.uint32).tofile(file)
        for batch in batches:
            for port, array in zip(machine.inputs, batch):
                port.stored(array).tofile(file)
    for name in ("report.txt", "outputs.bin", "trace.bin"):
        if (folder / name).exists():
            (folder / name).unlink()
    command = [find_program(board.emulator, board), *board.command(firmware.program)]
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise VerifyError(
            f"the emulated {board.name} did not end within {seconds:g} seconds.",
            help="give fewer --samples or more --seconds; if one sample does not end, the program "
            "hangs",
        ) from error
    except OSError as error:
        raise VerifyError(f"the emulator {command[0]} can't be run: {error}.") from error
    report = _report(folder / "report.txt")
    if done.returncode != 0 or not report.get("done"):
        raise _failure(firmware, machine, done.returncode, done.stdout, report)
    outputs = _outputs(folder / "outputs.bin", machine, len(batches))
    return Ran(outputs, report, (folder / "trace.bin").read_bytes() if trace else b"")


def _report(path: Path) -> Dict[str, List[int]]:
    report: Dict[str, List[int]] = {}
    for line in path.read_text("ascii").splitlines() if path.is_file() else ():
        number, _, name = line.partition(" ")
        report.setdefault(name, []).append(int(number, 16))
    return report


def _outputs(path: Path, machine: Machine, count: int) -> Tuple[np.ndarray, ...]:
    record = np.dtype([(str(n), port.dtype, port.shape) for n, port in enumerate(machine.outputs)])
    content = path.read_bytes()
    if len(content) != count * record.itemsize:
        raise VerifyError(
            f"the emulated board wrote {len(content):,} bytes of outputs instead of "
            f"{count * record.itemsize:,}."
        )
    rows = np.frombuffer(content, record)
    return tuple(port.real(rows[str(n)].copy()) for n, port in enumerate(machine.outputs))


def _failure(
    firmware: Firmware, machine: Machine, status: int, said: str, report: Dict[str, List[int]]
) -> Exception:
    board = firmware.board
    lines = [line for line in said.strip().splitlines() if line.strip()][-_SAID:]
    words = "".join(f"\n  {line}" for line in lines)
    if status == _SHORT and "short_bytes" in report:
        asked, taken, heap = (report[f"short_{n}"][0] for n in ("bytes", "extent", "heap"))
        return ExportError(
            f"the network is too large for {board.name}: of {heap:,} bytes of RAM for buffers, "
            f"context and scratch memory {taken:,} are taken, and {asked:,} more are wanted: "
            f"{max(taken + asked - heap, 1):,} too many.",
            help="compress it further, choose a larger board, or give the fast kernels less "
            "--scratch",
        )
    functions = machine.network.functions
    place = next((report[n] for n in ("failed_function", "refused_function") if n in report), None)
    named = ""
    if place is not None and place[0] < len(functions):
        named = f" in function {place[0]}, {functions[place[0]].type_name}"
    what = "refused the network" if status == _NOT_STARTED else "failed"
    return VerifyError(
        f"the emulated {board.name} {what} with status {status}{named}:"
        f"{words or ' it said nothing.'}",
        help="look at the warnings of 'nnabla-compress verify'",
    )
