# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network on an emulated board: what it computes there, and what it takes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.agreement import Agreement, agreement
from nnabla_compress.device.boards import Board
from nnabla_compress.device.emulator import SECONDS, Ran, run_firmware
from nnabla_compress.device.firmware import FAST, Firmware, build_firmware, kernels_for
from nnabla_compress.device.first_difference import described, first_difference
from nnabla_compress.device.measurement import Measurement, measurement
from nnabla_compress.device.promises import promise_of
from nnabla_compress.device.runtime_source import NO_LEVEL, TESTED_VERSION, find_runtime
from nnabla_compress.device.toolchain import versions
from nnabla_compress.errors import ConfigError, VerifyError
from nnabla_compress.files import temporary_folder
from nnabla_compress.nnb import NnbFile
from nnabla_compress.nnb.memory_plan import MemoryPlan, memory_plan
from nnabla_compress.progress import stage
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.packed import PACKED_CALLBACKS, has_int8_layers
from nnabla_compress.turns import one_at_a_time
from nnabla_compress.verification import Samples
from nnabla_compress.verification.engines import in_batches
from nnabla_compress.verification.report import Promise

SAMPLES = 2


@dataclass(frozen=True)
class Limits:
    """What a network may take.

    Args:
        flash: Bytes of flash; None for what the board has.
        ram: Bytes of RAM, likewise.
    """

    flash: Optional[int] = None
    ram: Optional[int] = None

    def broken(self, found: Measurement) -> List[str]:
        """Returns a sentence for each limit that is broken.

        Args:
            found: What the network takes.
        """
        sentences = []
        for name, limit, taken in (
            ("flash", self.flash, found.flash),
            ("RAM", self.ram, found.ram),
        ):
            if limit is not None and taken is not None and taken.total > limit:
                parts = ", ".join(f"{part} {number:,}" for part, number in vars(taken).items())
                sentences.append(
                    f"{name}: {taken.total:,} bytes ({parts}) of {limit:,}, "
                    f"{taken.total - limit:,} too many"
                )
        return sentences


@dataclass(frozen=True)
class DeviceTest:
    """What a test on a board found.

    Args:
        nnb: The file.
        board: The board.
        kernels: Which kernels ran it.
        scratch_limit: Bytes of scratch memory that they were allowed; 0 for any number.
        samples: Where the samples are from.
        count: How many forwards were compared.
        promise: What board and simulator owe each other.
        outputs: How far they agree in each output.
        first: The first function that breaks the promise, in words; None if none does.
        measured: What the network takes.
        memory: How its variables share the buffers.
        limits: What it may take.
        versions: Of compiler, emulator and runtime.
        notes: What else is to be known, a sentence each.
    """

    nnb: Path
    board: Board
    kernels: str
    scratch_limit: int
    samples: str
    count: int
    promise: Promise
    outputs: Mapping[str, Agreement]
    first: Optional[str]
    measured: Measurement
    memory: MemoryPlan
    limits: Limits
    versions: Mapping[str, str]
    notes: Sequence[str]

    @property
    def kept(self) -> bool:
        """Whether the promise was kept and no limit was broken."""
        kept = all(self.promise.kept(found) for found in self.outputs.values())
        return kept and not self.limits.broken(self.measured)

    def as_dict(self) -> Dict[str, Any]:
        """Returns it as a plain dict, as JSON takes it."""
        return {
            "file": str(self.nnb),
            "board": self.board.name,
            "core": self.board.core,
            "kernels": self.kernels,
            "scratch_limit": self.scratch_limit or None,
            "samples": {"from": self.samples, "count": self.count},
            "promised": self.promise.text,
            "kept": self.kept,
            "outputs": [
                {
                    "output": name,
                    **{k: getattr(found, k) for k in ("equal", "bit_equal", "largest")},
                }
                for name, found in self.outputs.items()
            ],
            "first_difference": self.first,
            **self.measured.as_dict(),
            "memory": [dict(vars(moment)) for moment in self.memory.moments],
            "limits": dict(vars(self.limits)),
            "broken_limits": self.limits.broken(self.measured),
            "versions": dict(self.versions),
            "notes": list(self.notes),
        }

    def check(self) -> None:
        """Raises if the promise or a limit was broken.

        Raises:
            VerifyError: Naming the outputs, the first function that differs, and the limits.
        """
        broken = [
            f"{self.board.name} and the simulator differ in {name} by {found.largest:.3g} "
            f"({found.bit_equal:.2%} of the numbers have the same bits), promised is "
            f"{self.promise.text}"
            + (f"; the first that differs is {self.first}" if self.first else "")
            for name, found in self.outputs.items()
            if not self.promise.kept(found)
        ]
        over = self.limits.broken(self.measured)
        if broken or over:
            ways = ["report it with the file"] if broken else []
            if over:
                ways.append(
                    "compress the network further, or raise the limit; with --kernels fast, "
                    "--scratch bounds the scratch memory"
                )
            raise VerifyError("; ".join([*broken, *over]) + ".", help="; ".join(ways))


@one_at_a_time
def device_test(
    nnb: Path,
    board: Board,
    kernels: Optional[str] = None,
    samples: Optional[Samples] = None,
    count: int = SAMPLES,
    scratch_bytes: int = 0,
    limits: Optional[Limits] = None,
    seconds: float = SECONDS,
) -> DeviceTest:
    """Compiles a network for a board, runs it in an emulator, and compares it with the simulator.

    The environment variable NNABLART_SOURCE names the sources of the C runtime.

    Args:
        nnb: The network.
        board: The board, as :func:`~nnabla_compress.device.boards.find_board` returns it.
        kernels: ``stock``, ``exact`` or ``fast``; by default exact for packed weights, else stock.
        samples: What to run it on; by default ``count`` random ones.
        count: Number of samples.
        scratch_bytes: The most scratch memory of the fast kernels; 0 for any.
        limits: What it may take.
        seconds: How long the emulator may run.

    Returns:
        What was found; :meth:`DeviceTest.check` raises if something was broken.

    Raises:
        ConfigError: If a program or the runtime's sources are missing, or options do not fit.
        DataError: If the file is missing or damaged.
        ExportError: If the network is too large for the board; says by how much.
        VerifyError: If the compiler fails, or the emulator fails or takes too long.
    """
    limits = Limits() if limits is None else limits
    machine = Machine(nnb, callbacks=PACKED_CALLBACKS)
    kernels = kernels_for(nnb, kernels)
    _check_options(board, kernels, scratch_bytes, limits, machine.network)
    if samples is None:
        below = [port.rows for port in machine.inputs]
        samples = Samples.random([port.shape[1:] for port in machine.inputs], count, below)
    batches = list(
        in_batches([array[:count] for array in samples.rows], machine.inputs[0].shape[0])
    )
    source = find_runtime()
    promise = promise_of(machine.network, kernels)
    with temporary_folder() as folder:
        with stage(f"compiling for {board.name}"):
            firmware = build_firmware(folder, board, nnb, source, kernels, scratch_bytes)
        with stage(f"running the emulated {board.name}"):
            ran = run_firmware(firmware, machine, batches, seconds=seconds)
        measured = measurement(firmware, machine.network, ran)
        expected = [np.stack(parts) for parts in zip(*(machine.run(batch) for batch in batches))]
        outputs = {
            f"output {number}": agreement([x], [y])
            for number, (x, y) in enumerate(zip(expected, ran.outputs))
        }
        first = None
        if not all(promise.kept(found) for found in outputs.values()):
            first = _first(firmware, machine, batches, promise, seconds)
    found_versions = {**versions(board), "runtime": f"nnabla-c-runtime {source.version}"}
    return DeviceTest(
        nnb,
        board,
        kernels,
        scratch_bytes,
        samples.source,
        len(batches),
        promise,
        outputs,
        first,
        measured,
        memory_plan(machine.network),
        limits,
        found_versions,
        _notes(source.version, machine, ran),
    )


def _check_options(
    board: Board, kernels: str, scratch_bytes: int, limits: Limits, network: NnbFile
) -> None:
    if scratch_bytes and kernels != FAST and not has_int8_layers(network):
        raise ConfigError(
            "--scratch bounds the memory of the fast kernels and of those from int8 to int8, these "
            f"are the {kernels} ones.",
            help="add --kernels fast, or leave --scratch out",
        )
    if board.ram is None and limits != Limits():
        raise ConfigError(
            f"{board.name} is a program under an operating system, which has no flash and no RAM "
            "of its own.",
            help="leave --flash and --ram out, or choose a microcontroller",
        )


def _first(
    firmware: Firmware,
    machine: Machine,
    batches: Sequence[Sequence[np.ndarray]],
    promise: Promise,
    seconds: float,
) -> Optional[str]:
    traced = run_firmware(firmware, machine, batches[:1], trace=True, seconds=seconds)
    number = first_difference(machine, batches[0], traced.trace, promise)
    return None if number is None else described(machine.network, number)


def _notes(version: str, machine: Machine, ran: Ran) -> Tuple[str, ...]:
    notes = []
    if machine.network.api_level > NO_LEVEL:
        notes.append(
            "the file is older than API levels: the runtime would write level 1 into it, so the "
            "board got it with that"
        )
    if version != TESTED_VERSION:
        notes.append(
            f"the C runtime is {version}; the simulator is that of version {TESTED_VERSION}"
        )
    if ran.report["changed"][0]:
        notes.append("the network's own memory was written to: it must not lie in flash")
    if ran.report["left"][0]:
        notes.append(f"{ran.report['left'][0]:,} bytes were not given back at the end")
    return tuple(notes)
