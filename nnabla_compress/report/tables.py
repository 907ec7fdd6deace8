# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The tables that the command line prints."""

from __future__ import annotations

from typing import Any, Mapping, Sequence, Tuple

from rich.box import SIMPLE_HEAD
from rich.table import Table

FLOAT_ROW = "float"
SIZES = ("weights packed", "ratio", "flash", "RAM")
"""Columns of the sizes of a network: of its weights alone, of its ``.nnb``, of its buffers."""


def layer_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns one row a layer: what its weights take as floats and packed.

    Args:
        rows: As from ``ExportReport.rows_as_dicts()``.

    Example:
        >>> row = {"name": "fc/affine", "type": "Affine", "shape": [8, 4], "weights": 32,
        ...        "bits": 2, "distinct": 4, "packed_bytes": 24, "float_bytes": 128}
        >>> layer_table([row]).row_count
        2
    """
    table = new_table("Layers")
    table.add_column("layer", overflow="fold")
    table.add_column("type")
    table.add_column("shape")
    columns = ["weights", "bits", "distinct values", "packed bytes", "float bytes"]
    stored = all("stored_bytes" in row for row in rows)
    if stored:
        columns += ["bits in .nnb", "stored as"]
    for name in columns:
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            str(row["name"]),
            str(row["type"]),
            shape_text(row["shape"]),
            f"{row['weights']:,}",
            str(row["bits"]),
            f"{row['distinct']:,}",
            f"{row['packed_bytes']:,}",
            f"{row['float_bytes']:,}",
            *(_stored(row) if stored else ()),
        )
    totals = {
        key: sum(row[key] for row in rows) for key in ("weights", "packed_bytes", "float_bytes")
    }
    table.add_section()
    table.add_row(
        "all layers",
        "",
        "",
        f"{totals['weights']:,}",
        f"{8 * totals['packed_bytes'] / max(totals['weights'], 1):.2f}",
        "",
        f"{totals['packed_bytes']:,}",
        f"{totals['float_bytes']:,}",
        *([_stored_bits(rows)] if stored else ()),
    )
    table.caption = _entropy_coded(rows, totals["packed_bytes"])
    return table


def _entropy_coded(rows: Sequence[Mapping[str, Any]], packed: int) -> str:
    """What entropy coding would make of all codes, "" where it gains nothing."""
    if not all("entropy_coded_bytes" in row for row in rows):
        return ""
    coded = sum(row["entropy_coded_bytes"] for row in rows)
    if coded >= packed:
        return ""
    return (
        f"Entropy-coded as in Deep Compression they would take {coded:,} bytes: to compare with "
        "papers, no file here is stored so."
    )


def stays_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns a row for each weight of a compressed network that stays a float.

    Args:
        rows: As from ``ExportReport.what_stays()``.

    Example:
        >>> row = {"name": "p/slope", "type": "PReLU", "weights": 16, "bytes": 64, "share": 0.25}
        >>> stays_table([row]).row_count
        1
    """
    table = new_table("What stays float")
    table.add_column("weight", overflow="fold")
    table.add_column("type")
    for name in ("weights", "bytes", "of all packed weights"):
        table.add_column(name, justify="right")
    for row in rows:
        share = f"{100 * row['share']:.1f} %"
        table.add_row(
            str(row["name"]), str(row["type"]), f"{row['weights']:,}", f"{row['bytes']:,}", share
        )
    return table


def _stored(row: Mapping[str, Any]) -> Tuple[str, str]:
    return _stored_bits([row]), str(row["storage"])


def _stored_bits(rows: Sequence[Mapping[str, Any]]) -> str:
    weights = sum(row["weights"] for row in rows)
    return f"{8 * sum(row['stored_bytes'] for row in rows) / max(weights, 1):.2f}"


def shape_text(shape: Sequence[int]) -> str:
    """Returns a shape as it is printed, e.g. ``"16x3x3x3"``; that of a number is "1".

    Args:
        shape: The sizes.

    Example:
        >>> shape_text((16, 3, 3, 3)), shape_text(())
        ('16x3x3x3', '1')
    """
    return "x".join(str(size) for size in shape) or "1"


def new_table(title: str) -> Table:
    """Returns an empty table in the style of all reports.

    Args:
        title: Stands above it.
    """
    return Table(title=title, box=SIMPLE_HEAD, title_justify="left", caption_justify="left")
