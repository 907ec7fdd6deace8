# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the exits of a network are worth, as tables."""

from __future__ import annotations

from typing import List, Optional

from rich.table import Table

from nnabla_compress.anytime.measured import Anytime

_ROWS = 13  # of the curve, from which every third point is shown


def exit_table(found: Anytime) -> Table:
    """Returns a row for each exit by itself.

    Args:
        found: What was measured.
    """
    table = Table(title="each exit by itself")
    table.add_column("exit")
    for heading in ("operations", "of all", "parameters", "accuracy"):
        table.add_column(heading, justify="right")
    whole = found.exits[-1].operations
    for each in found.exits:
        share = 100 * each.operations / whole
        table.add_row(
            each.name,
            f"{each.operations:,}",
            f"{share:.1f} %",
            f"{each.parameters:,}",
            f"{100 * each.accuracy:.2f} %",
        )
    return table


def budget_table(found: Anytime) -> Optional[Table]:
    """Returns rows of the curve of budgets; None where there is none.

    Args:
        found: What was measured.
    """
    if not found.budgeted:
        return None
    table = Table(title="leaving at the first confident exit")
    for heading in ("operations, mean", "of all", "accuracy", "leave at each exit"):
        table.add_column(heading, justify="right")
    whole = found.exits[-1].operations
    points = found.budgeted[:: max(1, -(-len(found.budgeted) // _ROWS))]
    for point in [*points, *([] if points[-1] == found.budgeted[-1] else found.budgeted[-1:])]:
        table.add_row(
            f"{point.operations:,.0f}",
            f"{100 * point.operations / whole:.1f} %",
            f"{100 * point.accuracy:.2f} %",
            " ".join(f"{100 * share:.0f}" for share in point.shares),
        )
    return table


def budget_lines(found: Anytime) -> List[str]:
    """Returns what the budget that was asked for comes to, in lines.

    Args:
        found: What was measured.
    """
    point = found.chosen
    if point is None:
        return []
    thresholds = ", ".join(f"{value:.6g}" for value in point.thresholds)
    shares = ", ".join(f"{100 * share:.1f} %" for share in point.shares)
    return [
        f"within {found.budget:,.0f} operations a sample: {found.split} accuracy "
        f"{100 * point.accuracy:.2f} % at {point.operations:,.0f} operations in the mean "
        f"(all exits: {100 * found.exits[-1].accuracy:.2f} % at {found.exits[-1].operations:,})",
        f"thresholds: {thresholds}",
        f"leave at each exit: {shares}",
    ]
