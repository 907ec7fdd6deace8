# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What each change alone costs."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

from markupsafe import Markup

from nnabla_compress.report.page.numbers import percent, short
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import table

_KINDS = {
    "weights": "Weights of one layer quantized",
    "activations": "One activation quantized",
    "channels": "Channels of one group removed",
    "ranks": "One layer factorized",
}


def sensitivity(reported: Reported) -> Optional[Section]:
    """Returns a table for each kind of change; None where nothing was measured.

    Args:
        reported: What the report is about.
    """
    rows = reported.sensitivities
    blocks = [
        _table(kind, [row for row in rows if row["kind"] == kind])
        for kind in _KINDS
        if any(row["kind"] == kind for row in rows)
    ]
    lead = "Each change alone, all else as it was: the loss that it adds."
    return Section("Sensitivities", blocks, lead) if blocks else None


def _table(kind: str, rows: Sequence[Mapping[str, Any]]) -> Markup:
    levels = sorted({_level(row) for row in rows})
    by_layer: Dict[str, Dict[float, Mapping[str, Any]]] = {}
    for row in rows:
        by_layer.setdefault(row["layer"], {})[_level(row)] = row
    heads = [f"{level:g} bit" if level >= 1 else percent(level, 0) for level in levels]
    cells: List[List[str]] = []
    for layer, found in by_layer.items():
        cells.append([layer, *(_said(found.get(level)) for level in levels)])
    return table(["", *heads], cells, _KINDS[kind], numbers=range(1, len(heads) + 1))


def _level(row: Mapping[str, Any]) -> float:
    share = row.get("share")
    return float(row["bits"] if share is None else share)


def _said(row: Optional[Mapping[str, Any]]) -> str:
    return "" if row is None else short(row["loss"])
