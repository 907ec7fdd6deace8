# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network takes on a board: flash, RAM, instructions, and the layers that take most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Optional, Sequence, Tuple

from nnabla_compress.device.emulator import Ran
from nnabla_compress.device.firmware import Firmware
from nnabla_compress.nnb import NnbFile


@dataclass(frozen=True)
class Flash:
    """Bytes of read-only memory.

    Args:
        code: Of the program: runtime, kernels, C library, constants.
        network: Of the network.
    """

    code: int
    network: int

    @property
    def total(self) -> int:
        """All of it."""
        return self.code + self.network


@dataclass(frozen=True)
class Ram:
    """Bytes of memory that is written to.

    Args:
        static: Variables of the program.
        buffers: The runtime's buffers for inputs, outputs and what is between.
        context: What the runtime keeps of the network's functions and variables.
        scratch: What the kernels for packed weights share.
        heap: What the heap adds: headers and gaps.
        stack: The most that the stack has taken.
    """

    static: int
    buffers: int
    context: int
    scratch: int
    heap: int
    stack: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(vars(self).values())


@dataclass(frozen=True)
class LayerTime:
    """What a function of a network takes.

    Args:
        number: Its number, from 0.
        type_name: NNabla's name of it.
        shape: Of its output.
        instructions: Of a forward.
        share: Their part of all.
    """

    number: int
    type_name: str
    shape: Tuple[int, ...]
    instructions: int
    share: float


@dataclass(frozen=True)
class Measurement:
    """What a network takes on a board.

    Args:
        flash: Read-only memory; None where an operating system decides on it.
        ram: Memory that is written to. Of a program under an operating system only buffers,
            context and scratch memory are known; the others are 0.
        init_instructions: Until the network is ready; None where they are not counted.
        forward_instructions: Of the first sample and of each further one, likewise.
        layers: Functions in their order, likewise.
    """

    flash: Optional[Flash]
    ram: Ram
    init_instructions: Optional[int]
    forward_instructions: Tuple[int, ...]
    layers: Tuple[LayerTime, ...]

    @property
    def slowest(self) -> List[LayerTime]:
        """Functions, those that take most instructions first."""
        return sorted(self.layers, key=lambda layer: -layer.instructions)

    def as_dict(self) -> Dict[str, Any]:
        """Returns it as a plain dict, as JSON takes it."""
        flash = None if self.flash is None else {**vars(self.flash), "total": self.flash.total}
        return {
            "flash": flash,
            "ram": {**vars(self.ram), "total": self.ram.total},
            "instructions": {
                "init": self.init_instructions,
                "forward": list(self.forward_instructions),
            },
            "layers": [dict(vars(layer)) for layer in self.layers],
        }


def measurement(firmware: Firmware, network: NnbFile, ran: Ran) -> Measurement:
    """Returns what a program reported, as bytes and instructions.

    Args:
        firmware: The program.
        network: The network in it.
        ran: What it did.
    """
    report = {name: values[0] for name, values in ran.report.items()}
    scratch = report.get("scratch", 0)
    asked = report["variables"] + report["context"]
    known = firmware.board.ram is not None
    ram = Ram(
        static=report["static"],
        buffers=report["variables"],
        context=report["context"] - scratch,
        scratch=scratch,
        heap=report["extent"] - asked if known else 0,
        stack=report["stack"],
    )
    code = firmware.code_bytes
    flash = None if code is None else Flash(code, firmware.network_bytes)
    per_tick = firmware.board.instructions_a_tick
    if per_tick is None:
        return Measurement(flash, ram, None, (), ())
    return Measurement(
        flash,
        ram,
        round(report["init_ticks"] * per_tick),
        tuple(round(ticks * per_tick) for ticks in ran.report["forward_ticks"]),
        _layers(network, [ticks * per_tick for ticks in ran.report["function_ticks"]]),
    )


def _layers(network: NnbFile, instructions: Sequence[float]) -> Tuple[LayerTime, ...]:
    every = sum(instructions) or 1.0
    return tuple(
        LayerTime(
            number,
            function.type_name,
            network.variables[function.outputs[0]].shape,
            round(count),
            count / every,
        )
        for number, (function, count) in enumerate(zip(network.functions, instructions))
    )
