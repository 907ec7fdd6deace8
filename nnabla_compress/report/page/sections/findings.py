# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a diagnosis found, the most useful first, and what each quantized tensor costs."""

from __future__ import annotations

from typing import List, Optional

from markupsafe import Markup

from nnabla_compress.report.page.charts.bars import Bar, bar_table
from nnabla_compress.report.page.elements import element
from nnabla_compress.report.page.numbers import percent
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import more, table

_EXACT = 299.0


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def findings(reported: Reported) -> Optional[Section]:
    """Returns the findings, each with the command that mends it; None without a diagnosis.

    Args:
        reported: What the report is about.
    """
    found = reported.diagnosis
    if found is None:
        return None
    entries = [
        element(
            "li",
            element("strong", _sentence(str(each["title"]))),
            element("p", str(each["text"])),
            element("pre", element("code", str(each["command"]))),
        )
        for each in found["findings"]
    ]
    blocks: List[Markup] = [element("ol", *entries, class_="findings")] if entries else []
    if not entries:
        blocks.append(element("p", "Nothing is at fault that is looked for."))
    rows = found["errors"]
    bars = [
        Bar(row["name"], [(row["share"], "c1")], percent(row["share"], 1), f"{row['kind']}")
        for row in rows
    ]
    heads = ["tensor", "of the noise of all tensors, each alone", "share"]
    blocks.append(bar_table(heads, bars, "What each quantized tensor costs"))
    cells = [
        [
            row["name"],
            row["kind"],
            f"{row['bits']:g}",
            *("exact" if row[k] >= _EXACT else f"{row[k]:.1f}" for k in ("alone", "together")),
        ]
        for row in rows
    ]
    heads = ["tensor", "kind", "bits", "alone, dB", "with all before it, dB"]
    blocks.append(more("All numbers", table(heads, cells, "Noise", numbers=(2, 3, 4))))
    lead = (
        f"On {found['samples']} samples; signal over noise of the outputs: {found['snr']:.1f} dB."
    )
    return Section("Diagnosis", blocks, lead)
