# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Accuracy over operations as a picture."""

from __future__ import annotations

from pathlib import Path

from nnabla_compress.anytime.measured import Anytime
from nnabla_compress.report.pictures import label, picture


def plot(found: Anytime, path: Path, name: str) -> None:
    """Draws each exit by itself, the curve of budgets, and the budget that was asked for.

    Args:
        found: What was measured.
        path: The PNG file.
        name: What the network is called.
    """
    with picture(path, 6, 4.5, layout="constrained") as figure:
        axes = figure.subplots()
        axes.set_title(label(name))
        axes.plot(
            [each.operations for each in found.exits],
            [100 * each.accuracy for each in found.exits],
            marker="o",
            label="each exit by itself",
        )
        if found.budgeted:
            axes.plot(
                [each.operations for each in found.budgeted],
                [100 * each.accuracy for each in found.budgeted],
                label="leaving at the first confident exit",
            )
        if found.chosen is not None:
            axes.scatter(
                [found.chosen.operations],
                [100 * found.chosen.accuracy],
                marker="*",
                color="black",
                zorder=3,
                label=f"within {found.budget:,.0f}",
            )
        axes.set_xlabel("operations of a sample, mean")
        axes.set_ylabel(f"accuracy on {found.split} samples, %")
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
