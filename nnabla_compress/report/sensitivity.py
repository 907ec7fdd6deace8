# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sensitivities as a table, a CSV file and a heat map."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Union

import numpy as np
from rich.table import Table

from nnabla_compress.files import atomic_path
from nnabla_compress.report.tables import new_table
from nnabla_compress.search.sensitivity import COLUMNS, Sensitivities


def sensitivity_table(found: Sensitivities) -> Table:
    """Returns a row for each layer and bit width."""
    table = new_table(
        f"One layer quantized with {found.quantizer}, {found.samples} samples, "
        f"float: loss {found.loss:.4f}, accuracy {100 * found.accuracy:.2f} %"
    )
    table.add_column("layer", overflow="fold")
    for name in ("bits", "bytes", "loss", "accuracy", "weights dB", "output dB"):
        table.add_column(name, justify="right")
    for row in found.rows:
        table.add_row(
            row.layer,
            str(row.bits),
            f"{row.size_bits // 8:,}",
            f"{row.loss:+.4f}",
            f"{100 * row.accuracy:+.2f} %",
            *("exact" if x is None else f"{x:.1f}" for x in (row.weight_snr, row.output_snr)),
        )
    return table


def write_csv(found: Sensitivities, path: Union[str, Path]) -> None:
    """Writes a line for each layer and bit width; a ratio without noise is left empty."""
    with atomic_path(path) as temporary:
        with open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(asdict(row) for row in found.rows)


def write_heat_map(found: Sensitivities, path: Union[str, Path]) -> None:
    """Draws the changes of the loss, layers by bits, as a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row.layer for row in found.rows))
    bits = sorted({row.bits for row in found.rows})
    values = np.full((len(names), len(bits)), np.nan)
    for row in found.rows:
        values[names.index(row.layer), bits.index(row.bits)] = row.loss
    figure = Figure(figsize=(3.5 + 0.9 * len(bits), 1.6 + 0.32 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    most = max(float(np.nanmax(np.abs(values))), 1e-12)
    image = axes.imshow(values, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto")
    axes.set_xticks(range(len(bits)), [str(width) for width in bits])
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("bits of the weights")
    axes.set_title("change of the loss", fontsize=10)
    for (i, j), value in np.ndenumerate(values):
        colour = "white" if abs(value) > 0.6 * most else "black"
        axes.text(j, i, f"{value:+.3f}", ha="center", va="center", fontsize=8, color=colour)
    figure.colorbar(image, ax=axes)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
