# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A program for a board with a network in it, that measures it on samples."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from nnabla_compress.c_kernels import GLUE, KERNELS, source_folder
from nnabla_compress.device.boards import Board
from nnabla_compress.device.boards.board import STACK_BYTES
from nnabla_compress.device.runtime_source import (
    NO_LEVEL,
    RuntimeSource,
    check_runtime_reads,
    config_text,
    needed_sources,
    needed_switches,
)
from nnabla_compress.device.toolchain import compile_program, section_sizes
from nnabla_compress.errors import ConfigError, ExportError
from nnabla_compress.nnb import read_nnb
from nnabla_compress.simulator.packed import (
    has_int8_layers,
    has_packed_tables,
    needs_callbacks,
)

STOCK, EXACT, FAST = "stock", "exact", "fast"
MODES = (STOCK, EXACT, FAST)
"""The runtime's own kernels, and the two kinds of those for packed weights."""

NO_INT8 = "-DPACKED_NO_INT8"
"""The compiler's option for a program without layers from int8 to int8."""
NO_EMBED = "-DPACKED_NO_EMBED"
"""Likewise for one that looks no rows up in tables of codes."""
OWN_SOURCES = Path(__file__).parent / "c"
_PROGRAM, _NETWORK = "firmware.elf", "network.nnb"
_LEVEL = 4  # where a file says its API level


@dataclass(frozen=True)
class Firmware:
    """A program for a board.

    Args:
        board: The board.
        program: Where it is.
        code_bytes: Its code and constants; None where they hold those of an operating system, too.
        network_bytes: Those of the network.
    """

    board: Board
    program: Path
    code_bytes: Optional[int]
    network_bytes: int


def kernels_for(nnb: Path, wanted: Optional[str] = None) -> str:
    """Returns which kernels run a file.

    Args:
        nnb: The file.
        wanted: One of MODES; by default the exact ones for packed weights, else the runtime's own.

    Raises:
        ConfigError: If these can't run it.
    """
    packed = needs_callbacks(read_nnb(nnb))
    if wanted is None:
        return EXACT if packed else STOCK
    if packed and wanted == STOCK:
        raise ConfigError(
            f"the runtime's own kernels can't run {nnb}: its weights are packed.",
            help="leave --kernels out; the same network for the runtime's own kernels is what "
            "'nnabla-compress export --storage float' writes",
        )
    if not packed and wanted != STOCK:
        raise ConfigError(
            f"{nnb} has no packed weights that the {wanted} kernels could read.",
            help="leave --kernels out, or export with --target callback",
        )
    return wanted


def build_firmware(
    folder: Path,
    board: Board,
    nnb: Path,
    source: RuntimeSource,
    kernels: str = STOCK,
    scratch_bytes: int = 0,
) -> Firmware:
    """Compiles runtime, kernels and network for a board.

    Args:
        folder: Where to; an empty folder.
        board: The board.
        nnb: The network.
        source: The runtime's sources.
        kernels: One of MODES.
        scratch_bytes: The most scratch memory of the fast kernels; 0 for any.

    Raises:
        ConfigError: If a program is missing, or the runtime is too old for the file.
        ExportError: If the network is too large for the board; says by how much.
        VerifyError: If the compiler fails.
    """
    network = read_nnb(nnb)
    check_runtime_reads(source, network)
    bytes_ = nnb.stat().st_size
    if board.network is not None:
        check_region(board, "flash for the network", bytes_, board.network.bytes)
    if board.ram is not None:
        ram = board.ram.bytes - STACK_BYTES
        check_region(board, "RAM for buffers", network.buffer_bytes, ram)
    switches = needed_switches(source, network)
    own = folder / "include"
    (own / "nnablart").mkdir(parents=True)
    (own / "nnablart" / "config.h").write_text(config_text(switches), "utf-8")
    content = nnb.read_bytes()
    if network.api_level > NO_LEVEL:
        content = content[:_LEVEL] + struct.pack("<I", 1) + content[_LEVEL + 4 :]
    (folder / _NETWORK).write_bytes(content)
    program = folder / _PROGRAM
    sources = [
        *(OWN_SOURCES / name for name in ("measure.c", "memory.c", "network.c", *board.sources)),
        *needed_sources(source, switches),
    ]
    options: List[str] = [f"-I{own}", *(f"-I{path}" for path in source.include_folders)]
    options += [f"-I{OWN_SOURCES}", f"-I{source_folder()}", *board.definitions()]
    options += [f"-DMEASURE_KERNELS={MODES.index(kernels)}", f"-DMEASURE_SCRATCH={scratch_bytes}"]
    if kernels != STOCK:
        options += [] if has_int8_layers(network) else [NO_INT8]
        options += [] if has_packed_tables(network) else [NO_EMBED]
        packed = (*KERNELS, *GLUE)
        sources += [source_folder() / name for name in packed if name.endswith(".c")]
    options += board.link_flags(OWN_SOURCES / "board.ld")
    compile_program(board, sources, options, program)
    code = None
    if board.code is not None:
        sizes = section_sizes(board, program)
        code = sum(sizes.get(f".{n}", 0) for n in ("vectors", "text", "ARM.exidx", "data"))
    return Firmware(board, program, code, bytes_)


def check_region(board: Board, what: str, wanted: int, there: int) -> None:
    """Raises if something is larger than its place on a board.

    Args:
        board: The board.
        what: What the place is for.
        wanted: Bytes that are wanted.
        there: Bytes that are there.

    Raises:
        ExportError: Saying by how much.
    """
    if wanted > there:
        raise ExportError(
            f"the network is too large for {board.name}: {what} takes {wanted:,} bytes, the board "
            f"has {there:,}: {wanted - there:,} too many.",
            help="compress it further, or choose a larger board",
        )
