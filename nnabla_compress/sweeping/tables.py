# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a sweep came to, as a table and lines."""

from __future__ import annotations

from typing import List, Optional

from rich.table import Table

from nnabla_compress.sizes import size_text
from nnabla_compress.sweeping.answers import pareto
from nnabla_compress.sweeping.sweep import Swept


def point_table(swept: Swept) -> Table:
    """Returns a table of all points; those that none beats are marked.

    Args:
        swept: What the sweep came to.
    """
    table = Table(title=swept.description.name)
    for heading in ("size", "compression"):
        table.add_column(heading, overflow="fold")
    for heading in ("epochs", "packed bytes", "operations", "validation", "test", "best"):
        table.add_column(heading, justify="right")
    front = {row.name for row in pareto(swept.rows)}
    for row in swept.rows:
        table.add_row(
            row.size,
            row.compression,
            f"{row.epochs:g}",
            "failed" if row.failed else f"{row.bytes or 0:,}",
            "" if row.macs is None else f"{row.macs:,}",
            _percent(row.validation),
            _percent(row.test),
            "*" if row.name in front else "",
        )
    return table


def answer_lines(swept: Swept) -> List[str]:
    """Returns a line for each budget: what to train, and how to compress it.

    Args:
        swept: What the sweep came to.
    """
    lines = []
    for each in swept.answers:
        row, size = each.row, size_text(each.budget)
        if row is None:
            lines.append(f"within {size}: nothing that was tried is so small")
            continue
        test = "" if row.test is None else f", test {_percent(row.test)}"
        lines.append(
            f"within {size}: train {row.size}, compress: {row.compression} "
            f"({row.bytes or 0:,} B, validation {_percent(row.validation)}{test})"
        )
    return lines


def _percent(share: Optional[float]) -> str:
    return "" if share is None else f"{100 * share:.2f} %"
