# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sensitivities as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import List, Tuple, Union

import numpy as np

from nnabla_compress.report.pictures import label, picture
from nnabla_compress.search.sensitivity import (
    ACTIVATIONS,
    CHANNELS,
    RANKS,
    WEIGHTS,
    Sensitivities,
)


def write_heat_map(found: Sensitivities, path: Union[str, Path]) -> None:
    """Draws the changes of the loss, tensors by what was done to them, as a PNG file.

    Args:
        found: What was measured.
        path: The picture to write.
    """
    from matplotlib.colors import SymLogNorm

    names = list(dict.fromkeys(row.layer for row in found.rows))
    columns: List[Tuple[str, float]] = []
    for heading in _HEADINGS.values():
        of_heading = {row.level for row in found.rows if _HEADINGS[row.kind] == heading}
        columns += [(heading, level) for level in sorted(of_heading)]
    columns = list(dict.fromkeys(columns))
    values = np.full((len(names), len(columns)), np.nan)
    for row in found.rows:
        column = columns.index((_HEADINGS[row.kind], row.level))
        values[names.index(row.layer), column] = row.loss
    most = max(float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0)), 1e-12)
    # One tensor that bears nothing would take the colour from all others on a plain scale.
    norm = SymLogNorm(linthresh=most / 100, vmin=-most, vmax=most)
    size = 3.5 + 0.9 * len(columns), 1.6 + 0.32 * len(names)
    with picture(path, *size, layout="constrained") as figure:
        axes = figure.subplots()
        image = axes.imshow(values, cmap="RdBu_r", norm=norm, aspect="auto")
        ticks = [f"{n:g}" if n >= 1 else f"{100 * n:g} %" for _, n in columns]
        axes.set_xticks(range(len(columns)), ticks)
        axes.set_yticks(range(len(names)), list(map(label, names)))
        headings = list(dict.fromkeys(heading for heading, _ in columns))
        axes.set_title("change of the loss", fontsize=10, pad=6 if len(headings) == 1 else 34)
        if len(headings) == 1:
            axes.set_xlabel(headings[0].replace("\n", " "))
        for heading in headings if len(headings) > 1 else ():
            places = [j for j, (of, _) in enumerate(columns) if of == heading]
            axes.text(np.mean(places), -0.6, heading, ha="center", va="bottom", fontsize=8)
            if places[0]:
                axes.axvline(places[0] - 0.5, color="black", linewidth=1.5)
        for (i, j), value in np.ndenumerate(values):
            if np.isnan(value) and not _measured(found, names[i], columns[j]):
                continue
            colour = "white" if abs(norm(value) - 0.5) > 0.35 else "black"
            # Adding zero takes the sign of a rounded zero away.
            text = f"{round(value, 3) + 0.0:+.3f}" if np.isfinite(value) else f"{value:+}"
            axes.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
        figure.colorbar(image, ax=axes)


_HEADINGS = {
    WEIGHTS: "bits",
    ACTIVATIONS: "bits",
    CHANNELS: "channels\nthat go",
    RANKS: "operations left\nby ranks",
}


def _measured(found: Sensitivities, name: str, column: Tuple[str, float]) -> bool:
    return any((row.layer, _HEADINGS[row.kind], row.level) == (name, *column) for row in found.rows)
