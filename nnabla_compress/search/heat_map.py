# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sensitivities as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Union

import numpy as np

from nnabla_compress.report.pictures import label, picture
from nnabla_compress.search.sensitivity import Sensitivities


def write_heat_map(found: Sensitivities, path: Union[str, Path]) -> None:
    """Draws the changes of the loss, tensors by bits, as a PNG file.

    Args:
        found: What was measured.
        path: The picture to write.
    """
    from matplotlib.colors import SymLogNorm

    names = list(dict.fromkeys(row.layer for row in found.rows))
    bits = sorted({row.bits for row in found.rows})
    values = np.full((len(names), len(bits)), np.nan)
    for row in found.rows:
        values[names.index(row.layer), bits.index(row.bits)] = row.loss
    most = max(float(np.max(np.abs(values[np.isfinite(values)]), initial=0.0)), 1e-12)
    # One tensor that bears nothing would take the colour from all others on a plain scale.
    norm = SymLogNorm(linthresh=most / 100, vmin=-most, vmax=most)
    size = 3.5 + 0.9 * len(bits), 1.6 + 0.32 * len(names)
    with picture(path, *size, layout="constrained") as figure:
        axes = figure.subplots()
        image = axes.imshow(values, cmap="RdBu_r", norm=norm, aspect="auto")
        axes.set_xticks(range(len(bits)), [str(width) for width in bits])
        axes.set_yticks(range(len(names)), list(map(label, names)))
        axes.set_xlabel("bits")
        axes.set_title("change of the loss", fontsize=10)
        for (i, j), value in np.ndenumerate(values):
            colour = "white" if abs(norm(value) - 0.5) > 0.35 else "black"
            # Adding zero takes the sign of a rounded zero away.
            text = f"{round(value, 3) + 0.0:+.3f}" if np.isfinite(value) else f"{value:+}"
            axes.text(j, i, text, ha="center", va="center", fontsize=8, color=colour)
        figure.colorbar(image, ax=axes)
