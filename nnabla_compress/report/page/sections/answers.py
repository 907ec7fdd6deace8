# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which classes and samples the compressed network answers otherwise."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

from markupsafe import Markup

from nnabla_compress.report.page.charts.bars import Bar, bar_table
from nnabla_compress.report.page.charts.matrix import matrix
from nnabla_compress.report.page.elements import element
from nnabla_compress.report.page.numbers import percent
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import grid, more, table

_MOST_NUMBERS = 20  # classes whose confusions fit a page
_MOST_BARS = 40


def answers(reported: Reported) -> Optional[Section]:
    """Returns classes, confusions and changed samples; None where nothing was compared.

    Args:
        reported: What the report is about.
    """
    found = reported.results.changes
    if not found:
        return None
    blocks: List[Markup] = []
    names = [str(name) for name in found["class_names"]]
    labelled = found["labelled"]
    classes = _classes(found["classes"], labelled)
    if len(names) <= _MOST_NUMBERS and "confusion_after" in found:
        what = "label" if labelled else "float network"
        tables = [
            matrix(_counts(found[f"confusion_{when}"]), names, title, what)
            for when, title in (("before", "Answers before"), ("after", "Answers after"))
        ]
        blocks.append(grid(*(tables if labelled else tables[1:])))
    changed = found["changed"]
    shown = [row for row in changed if row["row"] in reported.pictures]
    if shown:
        blocks.append(element("h3", "Samples that changed their class"))
        tiles = [_tile(row, names, reported.pictures[row["row"]], labelled) for row in shown]
        blocks.append(element("ul", *tiles, class_="tiles"))
    blocks.append(more("Class by class", classes))
    if changed:
        blocks.append(more("All samples that changed", _changed(changed, names, labelled)))
    samples, number = found["samples"], found.get("changed_samples", len(changed))
    lead = f"Of {samples:,} {found.get('split', 'test')} samples {number:,} changed their class"
    if labelled:
        lost = sum(row["lost"] for row in found["classes"])
        won = sum(row["won"] for row in found["classes"])
        lead += f": {lost:,} lost, {won:,} won"
    return Section("Answers, before and after", blocks, lead + ".")


def _counts(entries: Sequence[Sequence[int]]) -> Dict[Tuple[int, int], int]:
    return {(int(i), int(j)): int(count) for i, j, count in entries}


def _classes(rows: Sequence[Mapping[str, Any]], labelled: bool) -> Markup:
    bars = []
    for row in rows[:_MOST_BARS]:
        parts = [(row["before"], "grey")] if labelled else []
        said = percent(row["after"], 1)
        bars.append(
            Bar(row["name"], [*parts, (row["after"], "c0")], said, f"{row['samples']:,} samples")
        )
    return bar_table(
        ["class", "grey: float, blue: compressed" if labelled else "as the float network", "right"],
        bars,
        "Right answers by class, those that lost most first",
    )


def _tile(row: Mapping[str, Any], names: Sequence[str], picture: Markup, labelled: bool) -> Markup:
    before, after, label = (names[row[key]] for key in ("before", "after", "label"))
    alt = f"sample {row['row']}"
    if labelled:
        alt += f", label {label}"
    return element(
        "li",
        element("img", src=picture, alt=alt, width=96, height=96),
        element(
            "span",
            f"{before} → {after}",
            class_="strong" if row["before"] == row["label"] else None,
        ),
        element("small", f"label {label}" if labelled else f"sample {row['row']}"),
    )


def _changed(rows: Sequence[Mapping[str, Any]], names: Sequence[str], labelled: bool) -> Markup:
    cells = [
        [
            str(row["row"]),
            names[row["label"]] if labelled else "",
            f"{names[row['before']]} ({percent(row['sure_before'], 0)})",
            f"{names[row['after']]} ({percent(row['sure_after'], 0)})",
        ]
        for row in rows
    ]
    return table(["sample", "label", "float", "compressed"], cells, "The surest losses first")
