# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bytes and bits of each layer."""

from __future__ import annotations

from typing import Any, Mapping, Optional

from nnabla_compress.report.page.charts.bars import Bar, bar_table
from nnabla_compress.report.page.numbers import count, size
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import grid, more, table
from nnabla_compress.report.tables import shape_text


def layers(reported: Reported) -> Optional[Section]:
    """Returns what the layers take; None without any.

    Args:
        reported: What the report is about.
    """
    rows = reported.results.layers
    if not rows:
        return None
    quantized = any(row["bits"] < 32 for row in rows)
    sizes = bar_table(
        ["layer", "grey: as floats, blue: packed", "packed"],
        [
            Bar(
                row["name"],
                [(row["float_bytes"], "grey"), (row["packed_bytes"], "c0")],
                size(row["packed_bytes"]),
                f"{row['type']} {shape_text(row['shape'])}",
            )
            for row in rows
        ],
        "Bytes of the weights",
    )
    bits = bar_table(
        ["layer", "bits of a weight", "bits"],
        [Bar(row["name"], [(row["bits"], "c2")], f"{row['bits']:g}") for row in rows],
        "Bits of the weights",
    )
    heads = ["layer", "type", "shape", "weights", "distinct values", "bits", "packed bytes"]
    heads += ["float bytes", "in the .nnb", "stored as"]
    details = more(
        "All numbers",
        table(heads, [_cells(row) for row in rows], "Layers", numbers=range(3, 9)),
    )
    stays = reported.results.what_stays or ()
    left = [
        table(
            ["weight", "type", "weights", "bytes"],
            [
                [row["name"], row["type"], f"{row['weights']:,}", f"{row['bytes']:,}"]
                for row in stays
            ],
            "What stays float",
            numbers=(2, 3),
        )
    ]
    total = sum(row["weights"] for row in rows)
    lead = f"{len(rows)} layers with {count(total)} weights."
    drawn = grid(sizes, bits) if quantized else sizes
    return Section("Layers", [drawn, *(left if stays else []), details], lead)


def _cells(row: Mapping[str, Any]) -> Any:
    return [
        row["name"],
        row["type"],
        shape_text(row["shape"]),
        f"{row['weights']:,}",
        f"{row['distinct']:,}",
        f"{row['bits']:g}",
        f"{row['packed_bytes']:,}",
        f"{row['float_bytes']:,}",
        f"{row['stored_bytes']:,}" if "stored_bytes" in row else "",
        str(row.get("storage", "")),
    ]
