# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a diagnosis found, as the command line prints it."""

from __future__ import annotations

from typing import Any, List, Mapping, Sequence

from rich.table import Table

from nnabla_compress.report.tables import new_table

_EXACT = 299.0


def error_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns a row for each quantized tensor: what it costs alone, and with those before it.

    Args:
        rows: Errors as dicts: "name", "kind", "bits", "alone", "together", "share".

    Example:
        >>> row = {"name": "fc", "kind": "weights", "bits": 4, "alone": 20.0, "together": 19.0,
        ...        "share": 1.0}
        >>> error_table([row]).row_count
        1
    """
    table = new_table("What each quantized tensor costs")
    table.add_column("tensor", overflow="fold")
    table.add_column("kind")
    for name in ("bits", "alone, dB", "together, dB", "of the noise"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(
            str(row["name"]),
            str(row["kind"]),
            f"{row['bits']:g}",
            *(_decibels(row[key]) for key in ("alone", "together")),
            f"{100 * row['share']:.1f} %",
        )
    table.caption = (
        "signal over noise of the outputs: with this tensor quantized and everything else float, "
        "and with all up to it quantized"
    )
    return table


def finding_lines(findings: Sequence[Mapping[str, Any]]) -> List[str]:
    """Returns the findings, numbered, each with its command.

    Args:
        findings: As dicts: "title", "text", "command".
    """
    lines = []
    for number, found in enumerate(findings, 1):
        lines += [f"{number}. {found['title']}", f"   {found['text']}", f"   {found['command']}"]
    return lines


def _decibels(snr: float) -> str:
    return "exact" if snr >= _EXACT else f"{snr:.1f}"
