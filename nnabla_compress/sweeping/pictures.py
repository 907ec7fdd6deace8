# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A sweep as a picture: accuracy over packed bytes and over operations, and what none beats."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Sequence

from nnabla_compress.report.pictures import label, picture
from nnabla_compress.sweeping.answers import pareto
from nnabla_compress.sweeping.points import Row

_COSTS = (("bytes", "packed weights, bytes"), ("macs", "multiply-accumulates of a sample"))


def plot(rows: Sequence[Row], path: Path, name: str) -> None:
    """Draws the points of a sweep, a colour for each size.

    Args:
        rows: Points; those that failed are left out.
        path: The PNG file.
        name: Name of the sweep.
    """
    sizes = list(dict.fromkeys(row.size for row in rows))
    with picture(path, 11, 4.5, layout="constrained") as figure:
        figure.suptitle(label(name))
        for axes, (cost, said) in zip(figure.subplots(1, 2), _COSTS):
            _panel(axes, rows, sizes, cost)
            axes.set_xlabel(said)
            axes.set_ylabel("accuracy on validation samples, %")
            axes.grid(alpha=0.3)
        axes.legend(fontsize="small")


def _panel(axes: Any, rows: Sequence[Row], sizes: Sequence[str], cost: str) -> None:
    front = pareto(rows, cost)
    axes.set_xscale("log")
    axes.step(
        [getattr(row, cost) for row in front],
        [100 * (row.validation or 0) for row in front],
        where="post",
        color="0.6",
        zorder=0,
    )
    for size in sizes:
        own = [row for row in rows if row.size == size and row.validation is not None]
        axes.scatter(
            [getattr(row, cost) for row in own],
            [100 * (row.validation or 0) for row in own],
            label=label(size),
            s=24,
        )
