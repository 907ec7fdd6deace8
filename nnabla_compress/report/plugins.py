# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The plug-ins for Neural Network Console, as the command line lists them."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from rich.table import Table

from nnabla_compress.report.tables import new_table


def plugin_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns a row for each plug-in.

    Args:
        rows: Plug-ins as dicts: "title", "name", "text", "nnc_desktop".

    Example:
        >>> row = {"title": "Pruning", "name": "pruning", "text": "Makes it smaller.",
        ...        "nnc_desktop": True}
        >>> plugin_table([row]).row_count
        1
    """
    table = new_table("Plug-ins")
    for name in ("title", "file", "what it does"):
        table.add_column(name, overflow="fold")
    table.add_column("NNC Desktop")
    for row in rows:
        first = str(row["text"]).partition("\n")[0]
        table.add_row(
            str(row["title"]),
            f"{row['name']}.py",
            first,
            "yes" if row["nnc_desktop"] else "no",
        )
    return table
