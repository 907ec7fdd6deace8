# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The table of a network's sections: how far each is from its teacher."""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from rich.table import Table

from nnabla_compress.report.tables import new_table


def section_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns a row a section.

    Args:
        rows: As ``results.json`` has them, see
            :func:`~nnabla_compress.training.section_errors.section_errors`.

    Example:
        >>> row = {"section": 1, "gives": ["a/relu"], "layers": 2, "iterations": 10,
        ...        "before": 0.5, "alone": 0.2, "accumulated": 0.2, "costs": 0.1, "bound": 0.2}
        >>> section_table([row]).row_count
        1
    """
    table = new_table("Sections")
    table.add_column("section", justify="right")
    table.add_column("gives", overflow="fold")
    for name in ("layers", "updates", "before", "alone", "gain", "accumulated", "bound", "costs"):
        table.add_column(name, justify="right")
    for row in rows:
        again = ""
        if "again" in row:
            again = ", again" if row["again"] else ", again in vain"
        table.add_row(
            str(row["section"]),
            ", ".join(row["gives"]),
            str(row["layers"]),
            f"{row['iterations']}{again}",
            _percent(row["before"]),
            _percent(row["alone"]),
            f"{row['gain']:.2f}" if "gain" in row else "",
            _percent(row["accumulated"]),
            _percent(row["bound"]),
            _percent(row["costs"]),
        )
    table.caption = (
        "errors against the teacher, in its norm: of a section on the teacher's maps, before its "
        "training and after it (alone); with all sections before it (accumulated, bound: no more "
        "can be); gain: what it makes of errors before it; costs: of the output if only this "
        "section is not the teacher's"
    )
    return table


def _percent(error: float) -> str:
    return f"{100 * error:.1f} %"
