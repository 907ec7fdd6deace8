# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Histograms of the weights, with the levels of their quantizers."""

from __future__ import annotations

from typing import Optional

from nnabla_compress.report.page.charts.histogram import histogram
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import figure, grid, more

_SHOWN = 6


def weights(reported: Reported) -> Optional[Section]:
    """Returns a histogram of each layer; None without any.

    Args:
        reported: What the report is about.
    """
    rows = reported.results.histograms
    if not rows:
        return None
    drawn = []
    for row in rows:
        levels = row.get("levels") or []
        said = f", {len(levels)} levels" if levels else ""
        chart = histogram(
            f"weights of {row['layer']}",
            row["low"],
            row["high"],
            row.get("before") or [],
            row["after"],
            levels,
        )
        drawn.append(figure(chart, f"{row['layer']}{said}"))
    blocks = [grid(*drawn[:_SHOWN])]
    if len(drawn) > _SHOWN:
        blocks.append(more(f"{len(drawn) - _SHOWN} further layers", grid(*drawn[_SHOWN:])))
    lead = (
        "Blue: the weights that the quantizer is given in the end; grey line: those of the float "
        "network; orange: the levels that it has."
    )
    return Section("Weights", blocks, lead)
