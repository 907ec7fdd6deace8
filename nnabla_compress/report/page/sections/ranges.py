# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the quantized maps hold, and what of that their quantizers cover."""

from __future__ import annotations

from typing import Optional

from nnabla_compress.report.page.charts.spans import Span, span_table
from nnabla_compress.report.page.numbers import percent, short
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import more, table


def ranges(reported: Reported) -> Optional[Section]:
    """Returns the ranges of the maps; None where none is quantized.

    Args:
        reported: What the report is about.
    """
    rows = reported.results.ranges
    if not rows:
        return None
    spans = [
        Span(
            row["name"],
            (row["low"], row["high"]),
            (row["covers_low"], row["covers_high"]),
            f"{percent(row['clipped'], 2)} clipped" if row["clipped"] else "none clipped",
        )
        for row in rows
    ]
    drawn = span_table(
        ["map", "grey: values seen, blue: covered", "beyond"], spans, "Ranges of the maps"
    )
    cells = [
        [
            row["name"],
            f"{row['bits']:g}",
            *(short(row[key]) for key in ("low", "high", "covers_low", "covers_high")),
            percent(row["clipped"], 3),
        ]
        for row in rows
    ]
    heads = ["map", "bits", "least seen", "most seen", "covers from", "to", "clipped"]
    details = more("All numbers", table(heads, cells, "Ranges", numbers=range(1, 7)))
    return Section("Ranges of the maps", [drawn, details])
