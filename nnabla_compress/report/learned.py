# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a training with learned steps, ranges and bits came to: rows, a table and a bar plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Sequence

import nnabla as nn
from rich.table import Table

from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.regularizers import NetworkMemory, TensorMemory
from nnabla_compress.report.pictures import label, picture
from nnabla_compress.report.tables import new_table


def learned_rows(outputs: Sequence[nn.Variable]) -> List[Dict[str, Any]]:
    """Returns a row for each quantized tensor of a graph, as JSON takes it.

    Args:
        outputs: Variables of one graph whose quantizers are initialised.

    Returns:
        Rows with "name", "kind" (weight, bias, activation), "quantizer", "elements", "bits",
        "bytes", and, for Uniform and Pow2, "step" (the smallest one; q_min of Pow2) and "range".

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import Uniform
        >>> nn.clear_parameters()
        >>> uniform = Uniform(bits=3, initial_step=0.25)
        >>> y = PF.affine(nn.Variable((1, 8)), 4, apply_w=uniform, name="fc")
        >>> row, = learned_rows([y])
        >>> row["kind"], row["bits"], row["step"], row["range"], row["bytes"]
        ('weight', 3, 0.25, 0.75, 12.0)
    """
    memory = NetworkMemory.of(outputs)
    rows = [_row(tensor, None) for tensor in memory.weights]
    rows += [_row(tensor, "activation") for tensor in memory.activations]
    return [row for row in rows if row]


def _row(tensor: TensorMemory, kind: Any) -> Dict[str, Any]:
    quantizer = None if tensor.function is None else quantizer_of(tensor.function)
    if tensor.function is None or quantizer is None:
        return {}
    args, inputs = tensor.function.info.args, tensor.function.inputs
    row: Dict[str, Any] = {
        "name": tensor.name,
        "kind": kind or ("bias" if args.get("tensor") == "b" else "weight"),
        "quantizer": quantizer.type_name,
        "elements": tensor.elements,
        "bits": tensor.bits,
        "bytes": tensor.bytes,
    }
    covered = quantizer.range_of(args, inputs)
    if covered is not None:
        row["step"], row["range"] = covered
    return row


def learned_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns the rows as a table.

    Args:
        rows: As from :func:`learned_rows`.
    """
    table = new_table("Quantizers")
    table.add_column("tensor", overflow="fold")
    table.add_column("kind")
    table.add_column("quantizer")
    for name in ("elements", "bits", "step or q_min", "range", "bytes"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            row["name"],
            row["kind"],
            row["quantizer"],
            f"{row['elements']:,}",
            f"{row['bits']:g}",
            f"{row['step']:.6g}" if "step" in row else "",
            f"{row['range']:.6g}" if "range" in row else "",
            f"{row['bytes']:,.0f}",
        )
    return table


def plot_bits(rows: Sequence[Mapping[str, Any]], path: Path, title: str = "") -> None:
    """Draws the bits of weights and of activations, a bar a tensor, in the order of execution.

    Args:
        rows: As from :func:`learned_rows`.
        path: The picture to write, such as ``bits.png``.
        title: Heading.
    """
    from matplotlib.ticker import MaxNLocator

    parts = [
        ("weights", [row for row in rows if row["kind"] == "weight"], "tab:blue"),
        ("activations", [row for row in rows if row["kind"] == "activation"], "tab:orange"),
    ]
    parts = [part for part in parts if part[1]]
    widest = max((len(part[1]) for part in parts), default=1)
    size = max(5.0, 0.4 * widest + 1.5), 3.6 * max(len(parts), 1)
    with picture(path, *size, layout="constrained") as figure:
        for number, (kind, tensors, color) in enumerate(parts, 1):
            axes = figure.add_subplot(len(parts), 1, number)
            bits = [row["bits"] for row in tensors]
            bars = axes.bar(range(len(bits)), bits, color=color)
            axes.bar_label(bars, labels=[f"{value:g}" for value in bits], fontsize=8)
            axes.set_ylabel(f"bits of {kind}")
            axes.set_ylim(0, max(bits) + 1)
            axes.yaxis.set_major_locator(MaxNLocator(integer=True))
            names = [label(row["name"]) for row in tensors]
            axes.set_xticks(range(len(names)))
            axes.set_xticklabels(names, rotation=60, ha="right", fontsize=7)
            for side in ("top", "right"):
                axes.spines[side].set_visible(False)
        if title:
            figure.suptitle(label(title))
