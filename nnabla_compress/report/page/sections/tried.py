# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a calibration or a search tried, and what each try came to."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from markupsafe import Markup

from nnabla_compress.report.page.numbers import short, size
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import table


def tried(reported: Reported) -> Optional[Section]:
    """Returns the tries; None where nothing was tried.

    Args:
        reported: What the report is about.
    """
    blocks: List[Markup] = []
    steps = reported.results.steps
    if steps:
        keys = list(dict.fromkeys(key for row in steps for key in row if key != "seconds"))
        rows = [[_said(row.get(key)) for key in keys] for row in steps]
        heads = [key.replace("_", " ") for key in keys]
        blocks.append(table(heads, rows, "Tried while calibrating"))
    for step in reported.results.recipe_steps or ():
        trials = step.get("trials")
        if trials:
            rows = [
                [
                    _said(trial.get("tried")),
                    size(trial["weight_bytes"]) if "weight_bytes" in trial else "",
                    short(trial["output_snr"]) if "output_snr" in trial else "",
                ]
                for trial in trials
            ]
            heads = ["options", "weights and biases", "SNR of the outputs, dB"]
            blocks.append(table(heads, rows, "Tried by the search", numbers=(1, 2)))
    return Section("What was tried", blocks) if blocks else None


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return short(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{name}: {_said(each)}" for name, each in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_said, value))
    return "" if value is None else str(value)
