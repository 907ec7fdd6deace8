# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What ``inspect`` prints about an ``.nnp`` file: a table for each network, and what is in the way.

Names come from the file, so that they are handed to rich as plain text.
"""

from __future__ import annotations

from typing import Dict, List, Union

from rich.table import Table
from rich.text import Text

from nnabla_compress.inspection.summary import FileSummary, NetworkSummary
from nnabla_compress.names import shortened
from nnabla_compress.nnb.summary import NnbSummary
from nnabla_compress.report.memory import memory_table
from nnabla_compress.report.tables import new_table, shape_text
from nnabla_compress.sizes import size_text


def summary_tables(found: FileSummary) -> List[Union[Table, Text]]:
    """Returns what is printed about an ``.nnp`` file.

    Args:
        found: As from :func:`nnabla_compress.inspection.summary`.
    """
    printed: List[Union[Table, Text]] = []
    for network in found.networks:
        printed.append(_network_table(found, network))
        if any(row.encoding.quantizer for row in network.activations):
            printed.append(_activation_table(network))
        printed.append(_costs(network))
        if network.zero_channels:
            printed.append(_zero_table(network))
        if network.redundancy:
            printed.append(_redundancy_table(network))
        if network.obstacles:
            printed.append(_obstacle_table(network))
    if found.executors:
        printed.append(_executor_table(found))
    printed.extend(
        Text(f"network {_plain(name)} can't be built: {_plain(reason, 1000)}\n")
        for name, reason in found.failures.items()
    )
    return printed


def _network_table(found: FileSummary, network: NetworkSummary) -> Table:
    table = _table(f"{found.path.name}: network {_plain(network.name)}")
    for name in ("layer", "type", "weight shape", "output shape"):
        table.add_column(name, overflow="fold")
    shared = any(layer.readers > 1 for layer in network.layers)
    if shared:
        table.add_column("times read", justify="right")
    packed = any(layer.packed_bytes is not None for layer in network.layers)
    names = ["parameters", "MACs", "float bytes", "distinct values"]
    for name in names + (["packed bytes"] if packed else []):
        table.add_column(name, justify="right")
    encoded = any(layer.weights.quantizer or layer.input.quantizer for layer in network.layers)
    for name in ("weights", "input") if encoded else ():
        table.add_column(name)
    for layer in network.layers:
        row = [
            _plain(layer.name),
            layer.type,
            shape_text(layer.shape),
            shape_text(layer.output_shape),
            *([str(layer.readers)] if shared else []),
            f"{layer.parameters:,}",
            f"{layer.macs:,}",
            f"{layer.bytes:,}",
            f"{layer.distinct:,}",
        ]
        if packed:
            row.append(f"{layer.packed_bytes:,}" if layer.packed_bytes is not None else "")
        if encoded:
            row += [str(layer.weights), str(layer.input)]
        table.add_row(*map(Text, row))
    table.add_section()
    total = [f"{network.parameters:,}", f"{network.macs:,}", f"{network.bytes:,}"]
    table.add_row("whole network", "", "", "", *([""] if shared else []), *total)
    return table


def _activation_table(network: NetworkSummary) -> Table:
    table = _table(f"network {_plain(network.name)}: activations of one sample")
    for name in ("activation", "shape", "encoding"):
        table.add_column(name, overflow="fold")
    for name in ("step", "range", "bytes"):
        table.add_column(name, justify="right")
    for row in network.activations:
        step = "" if row.encoding.step is None else f"{row.encoding.step:.6g}"
        cells = (shape_text(row.shape), str(row.encoding), step, row.encoding.range)
        table.add_row(*map(Text, (_plain(row.name), *cells, f"{row.bytes:,}")))
    return table


def _costs(network: NetworkSummary) -> Text:
    costs = network.costs
    whole = costs.samples == 1 and any(shape[:1] != (1,) for shape in network.inputs.values())
    per = "the whole batch" if whole else "one sample"
    lines = [
        f"{kind} {_plain(name)} {shape_text(shape)}"
        for kind, shapes in (("input", network.inputs), ("output", network.outputs))
        for name, shape in shapes.items()
    ]
    lines.append(f"functions: {_counts(network.functions)}")
    if network.compact:
        lines.append(f"compact layers: {', '.join(_plain(each) for each in network.compact)}")
    if network.preprocessing:
        lines.append(f"pre-processing: {', '.join(network.preprocessing)}")
    if network.left_out:
        lines.append(f"left out, only act in training: {_counts(network.left_out)}")
    if network.loops:
        turns = ", ".join(f"{_plain(name)} {count} turns" for name, count in network.loops.items())
        lines.append(f"loops, written out: {turns}")
    weights = f"weights: {size_text(costs.float_weight_bytes)} as floats"
    if costs.weight_bytes != costs.float_weight_bytes:
        weights += f", {size_text(costs.weight_bytes)} at their bits"
    lines.append(weights)
    lines.append(
        f"activations of {per}: {size_text(costs.activation_bytes)} behind activation functions, "
        f"{size_text(costs.buffer_bytes)} in all buffers"
    )
    lines.append(
        f"peak of the buffers held at a time: {size_text(costs.peak_bytes)} at "
        f"{_plain(costs.peak_at)}"
    )
    if network.device is not None:
        lines.append(
            f"on the C runtime: .nnb of {network.device.nnb_bytes:,} bytes (flash), "
            f"{network.device.buffer_bytes:,} bytes for variables (RAM)"
        )
    return Text("\n".join(f"  {line}" for line in lines) + "\n")


def _zero_table(network: NetworkSummary) -> Table:
    table = _table(f"network {_plain(network.name)}: channels computed for nothing")
    table.add_column("layer", overflow="fold")
    table.add_column("channels", overflow="fold")
    for name in ("weights", "float bytes", "MACs"):
        table.add_column(f"{name} that --shrink saves", justify="right")
    for each in network.zero_channels:
        numbers = (f"{number:,}" for number in (each.weights, each.bytes, each.macs))
        channels = (
            f"{each.channels}; they stay: {_plain(each.stays)}" if each.stays else each.channels
        )
        table.add_row(*map(Text, (_plain(each.layer), channels, *numbers)))
    return table


def _redundancy_table(network: NetworkSummary) -> Table:
    table = _table(f"network {_plain(network.name)}: how alike filters are")
    table.add_column("layer", overflow="fold")
    for name in ("filters", "effective rank", "alike another one"):
        table.add_column(name, justify="right")
    for each in network.redundancy:
        numbers = (f"{each.filters:,}", f"{each.effective_rank:.1f}", f"{each.alike:,}")
        table.add_row(*map(Text, (_plain(each.layer), *numbers)))
    return table


def nnb_tables(found: NnbSummary) -> List[Union[Table, Text]]:
    """Returns what is printed about an ``.nnb`` file.

    Args:
        found: As from :func:`nnabla_compress.nnb.summary.nnb_summary`.
    """
    table = _table(f"{_plain(found.path.name)}: API level {found.api_level}")
    for name in ("", "shape", "type"):
        table.add_column(name, overflow="fold")
    for kind, ports in (("input", found.inputs), ("output", found.outputs)):
        for number, port in enumerate(ports):
            of_type = port.type if port.type == "FLOAT32" else f"{port.type}_{port.fp_pos}"
            table.add_row(f"{kind} {number}", shape_text(port.shape), of_type)
    lines = [
        f"functions: {_counts(found.functions)}",
        f"flash: {found.bytes:,} bytes of .nnb, {found.parameter_bytes:,} of them parameters",
        f"RAM: {found.buffer_bytes:,} bytes for variables in {len(found.buffers)} buffers",
    ]
    if found.callbacks:
        lines.append(f"{found.callbacks} functions are the program's own (packed weights)")
    return [
        table,
        Text("\n".join(f"  {line}" for line in lines) + "\n"),
        memory_table(found.memory),
    ]


def _obstacle_table(network: NetworkSummary) -> Table:
    table = _table(f"network {_plain(network.name)}: what stays as it is")
    table.add_column("where", overflow="fold")
    table.add_column("why", overflow="fold")
    for each in network.obstacles:
        times = f" ({each.count} times)" if each.count > 1 else ""
        table.add_row(Text(_plain(each.place) + times), Text(_plain(each.reason, 500)))
    return table


def _executor_table(found: FileSummary) -> Table:
    table = _table("Executors")
    for name in ("executor", "network", "inputs", "outputs"):
        table.add_column(name, overflow="fold")
    for each in found.executors:
        row = (each.name, each.network, ", ".join(each.inputs), ", ".join(each.outputs))
        table.add_row(*(Text(_plain(cell, 500)) for cell in row))
    return table


def _table(title: str) -> Table:
    table = new_table("")
    table.title = Text(title)
    return table


def _counts(counts: Dict[str, int]) -> str:
    return ", ".join(f"{count} {_plain(name)}" for name, count in counts.items())


def _plain(name: str, limit: int = 100) -> str:
    """A name without control characters, which a terminal would obey, and of bounded length."""
    return shortened("".join(c if c.isprintable() else " " for c in name), limit)
