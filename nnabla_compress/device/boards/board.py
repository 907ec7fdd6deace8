# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a board is: its processor, its memory, the compiler for it, and what emulates it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, List, Optional, Tuple

STACK_BYTES = 8192


@dataclass(frozen=True)
class Region:
    """A piece of a board's memory.

    Args:
        start: Its first address.
        bytes: Its size.
    """

    start: int
    bytes: int


@dataclass(frozen=True)
class Board:
    """Something that a network is run on.

    Args:
        name: What it is asked for by.
        core: Its processor, in the words of its maker.
        other_names: Further names that it is known by.
        compiler: Prefix of its compiler's programs, such as ``arm-none-eabi-``.
        flags: The compiler's options for the processor.
        packages: Packages of Debian that have compiler and emulator.
    """

    name: str
    core: str
    other_names: Tuple[str, ...]
    compiler: str
    flags: Tuple[str, ...]
    packages: Tuple[str, ...]

    emulator: ClassVar[str]
    sources: ClassVar[Tuple[str, ...]]

    @property
    def code(self) -> Optional[Region]:
        """Where the program lies; None where an operating system decides."""
        return None

    @property
    def network(self) -> Optional[Region]:
        """Where the network lies, likewise."""
        return None

    @property
    def ram(self) -> Optional[Region]:
        """Where variables, heap and stack lie, likewise."""
        return None

    @property
    def instructions_a_tick(self) -> Optional[float]:
        """How many instructions the emulator takes for a tick of the timer; None: uncounted."""
        return None

    def link_flags(self, script: Path) -> List[str]:
        """Returns the linker's options.

        Args:
            script: The linker script of microcontrollers.
        """
        raise NotImplementedError

    def definitions(self) -> List[str]:
        """Returns the definitions that the board's sources take."""
        return []

    def command(self, program: Path) -> List[str]:
        """Returns what runs a program, but for the emulator's own name.

        Args:
            program: The program.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Microcontroller(Board):
    """A board of QEMU with a Cortex-M, whose program reaches the computer's files by semihosting.

    Args:
        machine: QEMU's name of the board.
        memory: Where code, network and RAM lie.
        timer_hertz: Frequency of the processor's timer. QEMU takes a nanosecond for an instruction.
    """

    machine: str
    memory: Tuple[Region, Region, Region]
    timer_hertz: int

    emulator: ClassVar[str] = "qemu-system-arm"
    sources: ClassVar[Tuple[str, ...]] = ("cortex_m.c",)

    @property
    def code(self) -> Region:
        """Where the program lies."""
        return self.memory[0]

    @property
    def network(self) -> Region:
        """Where the network lies."""
        return self.memory[1]

    @property
    def ram(self) -> Region:
        """Where variables, heap and stack lie."""
        return self.memory[2]

    @property
    def instructions_a_tick(self) -> float:
        """Instructions of a tick of the timer."""
        return 1e9 / self.timer_hertz

    def definitions(self) -> List[str]:
        """Returns the bounds of what may not be written to."""
        end = max(region.start + region.bytes for region in self.memory[:2])
        return [f"-DBOARD_IMAGE_START={self.code.start:#x}u", f"-DBOARD_IMAGE_END={end:#x}u"]

    def link_flags(self, script: Path) -> List[str]:
        """Returns the linker's options: own start-up, the small C library, the board's memory."""
        names = zip(("CODE", "NETWORK", "RAM"), self.memory)
        return [
            *("-nostartfiles", "--specs=nano.specs", "-Wl,--gc-sections", "-Wl,--no-warn-rwx"),
            *(f"-Wl,--defsym={n}_START={region.start:#x}" for n, region in names),
            *(
                f"-Wl,--defsym={n}_BYTES={region.bytes:#x}"
                for n, region in zip(("CODE", "NETWORK", "RAM"), self.memory)
            ),
            f"-Wl,--defsym=STACK_BYTES={STACK_BYTES:#x}",
            *("-T", str(script)),
        ]

    def command(self, program: Path) -> List[str]:
        """Returns the options of QEMU: no screen, instructions as the clock, semihosting."""
        return [
            *("-M", self.machine, "-nographic", "-monitor", "none", "-serial", "none"),
            *("-icount", "shift=0", "-semihosting-config", "enable=on,target=native"),
            *("-kernel", str(program)),
        ]


@dataclass(frozen=True)
class LinuxTarget(Board):
    """A processor under Linux, whose programs QEMU runs one by one.

    Args:
        program: The emulator.
        cpu: What of the processor's models is emulated; None for QEMU's own choice.
    """

    program: str
    cpu: Optional[str]

    sources: ClassVar[Tuple[str, ...]] = ("linux.c",)

    @property
    def emulator(self) -> str:  # type: ignore[override]
        """The emulator of the processor."""
        return self.program

    def link_flags(self, script: Path) -> List[str]:
        """Returns the linker's options: everything in the program, so no libraries are needed."""
        return ["-static", "-Wl,--gc-sections"]

    def command(self, program: Path) -> List[str]:
        """Returns the options of QEMU."""
        return [*([] if self.cpu is None else ["-cpu", self.cpu]), str(program)]
