# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a test on a board found, as the command line prints it."""

from __future__ import annotations

from typing import Iterator, Union

from rich.table import Table

from nnabla_compress.device import DeviceTest
from nnabla_compress.report.memory import memory_table
from nnabla_compress.report.tables import new_table, shape_text

_MOST_LAYERS = 8
_MILLION = 1e6


def device_tables(found: DeviceTest) -> Iterator[Union[Table, str]]:
    """Gives the tables and lines about a test on a board.

    Args:
        found: The test.
    """
    yield _comparison(found)
    yield _memory(found)
    yield memory_table(found.memory)
    measured = found.measured
    if measured.init_instructions is None:
        yield (
            f"instructions, flash, static memory and stack are not counted on {found.board.name}: "
            "choose a microcontroller"
        )
    else:
        first, *more = measured.forward_instructions
        further = f", {more[-1]:,} for a further one" if more else ""
        yield (
            f"{first:,} instructions for the first forward{further}; "
            f"{measured.init_instructions:,} until the network is ready"
        )
        yield _layers(found)
    yield "; ".join(f"{role} {version}" for role, version in found.versions.items())


def _comparison(found: DeviceTest) -> Table:
    times = "once" if found.count == 1 else f"{found.count} times"
    table = new_table(
        f"{found.nnb.name} on {found.board.name} ({found.board.core}), {found.kernels} kernels, "
        f"run {times}: {found.samples}"
    )
    table.add_column("compared with the simulator", overflow="fold")
    for name in ("same bits", "largest difference"):
        table.add_column(name, justify="right")
    table.add_column("promised", overflow="fold")
    table.add_column("kept")
    for name, output in found.outputs.items():
        table.add_row(
            name,
            f"{100 * output.bit_equal:.2f} %",
            f"{output.largest:.3g}",
            found.promise.text,
            "yes" if found.promise.kept(output) else "NO",
        )
    return table


def _memory(found: DeviceTest) -> Table:
    table = new_table("Memory, bytes")
    table.add_column("")
    table.add_column("part")
    table.add_column("bytes", justify="right")
    flash, ram = found.measured.flash, found.measured.ram
    rows = []
    if flash is not None:
        limit = found.limits.flash
        rows += [("flash", "code", flash.code), ("", "network", flash.network)]
        rows += [("", _total(limit), flash.total)]
    parts = {"buffers": ram.buffers, "context": ram.context, "scratch": ram.scratch}
    if found.board.ram is not None:
        parts = {"static": ram.static, **parts, "heap's own": ram.heap, "stack": ram.stack}
    rows += [("" if n else "RAM", name, size) for n, (name, size) in enumerate(parts.items())]
    rows += [("", _total(found.limits.ram), ram.total)]
    for where, name, size in rows:
        table.add_row(where, name, f"{size:,}")
    return table


def _total(limit: object) -> str:
    return "all" if limit is None else f"all, of {limit:,}"


def _layers(found: DeviceTest) -> Table:
    table = new_table("What takes most instructions of a forward")
    table.add_column("function", overflow="fold")
    table.add_column("output")
    table.add_column("million", justify="right")
    table.add_column("part", justify="right")
    for layer in found.measured.slowest[:_MOST_LAYERS]:
        table.add_row(
            f"{layer.number} {layer.type_name}",
            shape_text(layer.shape),
            f"{layer.instructions / _MILLION:.3f}",
            f"{100 * layer.share:.1f} %",
        )
    return table
