# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the buffers of an ``.nnb`` hold, function by function, as a table with bars."""

from __future__ import annotations

from rich.table import Table

from nnabla_compress.nnb.memory_plan import MemoryPlan
from nnabla_compress.report.tables import new_table, shape_text

_BAR = 24
_EIGHTHS = " ▏▎▍▌▋▊▉"


def memory_table(plan: MemoryPlan) -> Table:
    """Returns a row for each function, with a bar whose full length is all buffers.

    Args:
        plan: As from :func:`nnabla_compress.nnb.memory_plan.memory_plan`.

    Example:
        >>> from nnabla_compress.nnb.memory_plan import Moment
        >>> moments = (Moment(0, "Tanh", (1, 4), 32), Moment(1, "Affine", (1, 2), 24))
        >>> memory_table(MemoryPlan(moments, 32)).row_count
        2
    """
    table = new_table(f"Variables in memory: {_most(plan)}; all buffers take {plan.buffers:,}")
    table.add_column("function", overflow="fold")
    table.add_column("output")
    table.add_column("bytes held", justify="right")
    table.add_column("of all buffers", no_wrap=True)
    for moment in plan.moments:
        table.add_row(
            f"{moment.function} {moment.type_name}",
            shape_text(moment.shape),
            f"{moment.alive:,}",
            _bar(moment.alive, plan.buffers),
        )
    return table


def _most(plan: MemoryPlan) -> str:
    if not plan.moments:
        return "there are no functions"
    most = plan.most
    return f"{most.alive:,} bytes at most, in function {most.function} ({most.type_name})"


def _bar(part: int, whole: int) -> str:
    eighths = round(8 * _BAR * part / max(whole, 1))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()
