# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The curves of the trainings, with marks where steps began."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

from markupsafe import Markup

from nnabla_compress.report.page.charts.lines import COLOURS, line_chart
from nnabla_compress.report.page.elements import element
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import figure, grid

_PAIRS = (
    ("loss", ("Training loss", "Validation loss"), True),
    ("error in %", ("Training error", "Validation error"), False),
)
_MOST_OTHERS = 12
_Pieces = List[List[Tuple[float, float]]]


def training(reported: Reported) -> Optional[Section]:
    """Returns the curves; None where nothing was trained.

    Args:
        reported: What the report is about.
    """
    curves, course = reported.results.curves, reported.results.course or []
    if not curves:
        return None
    starts, at = {}, 0
    for number, step in enumerate(course):
        starts[number] = at
        at += int(step.get("updates") or 0)
    trained = {curve["step"] for curve in curves}
    marks = [(starts[n], str(n + 1)) for n in sorted(trained) if n in starts]
    blocks: List[Markup] = []
    taken: Set[str] = set()
    for what, names, logarithmic in _PAIRS:
        lines = {name: _pieces(curves, starts, name) for name in names}
        lines = {name.split()[0]: pieces for name, pieces in lines.items() if pieces}
        taken.update(names)
        if lines:
            title = f"{what} of training and validation over the updates"
            if "%" in what:
                lines = {name: _hundredfold(pieces) for name, pieces in lines.items()}
            drawn = line_chart(title, lines, "updates", what, marks, logarithmic)
            scale = ", on a logarithmic scale" if logarithmic else ""
            blocks.append(figure(drawn, f"{what.capitalize()}{scale}"))
    others: Dict[str, List[str]] = {}
    for curve in curves:
        for name in curve["series"]:
            moved = len({value for _, value in curve["series"][name]}) > 1
            if moved and name not in taken and name not in others.setdefault(name.split()[0], []):
                others[name.split()[0]].append(name)
    for first, found in list(others.items())[:_MOST_OTHERS]:
        lines = {name: _pieces(curves, starts, name) for name in found[:COLOURS]}
        label = (found[0] if len(found) == 1 else first).lower()
        drawn = line_chart(f"{first} over the updates", lines, "updates", label, marks)
        left = f", {COLOURS} of {len(found)}" if len(found) > COLOURS else ""
        blocks.append(figure(drawn, f"{found[0] if len(found) == 1 else first}{left}"))
    steps = [f"{n + 1} {course[n]['step']}" for n in sorted(trained) if n < len(course)]
    lead = f"Rules mark where the trainings of steps began: {', '.join(steps)}." if steps else ""
    return Section("Training", [grid(*blocks), *_best(course, curves)], lead)


def _pieces(curves: Sequence[Mapping[str, Any]], starts: Mapping[int, int], name: str) -> _Pieces:
    """The pieces of a line, one a training."""
    return [
        [(starts.get(curve["step"], 0) + x, y) for x, y in curve["series"][name] if y is not None]
        for curve in curves
        if curve["series"].get(name)
    ]


def _hundredfold(pieces: _Pieces) -> _Pieces:
    return [[(x, 100 * y) for x, y in piece] for piece in pieces]


def _best(course: Sequence[Any], curves: Sequence[Mapping[str, Any]]) -> List[Markup]:
    """What the validation error was at its best."""
    said = []
    for curve in curves:
        points = [y for _, y in curve["series"].get("Validation error") or () if y is not None]
        if points and curve["step"] < len(course):
            name = course[curve["step"]]["step"]
            said.append(f"step {curve['step'] + 1} ({name}): {100 * min(points):.2f} %")
    return [element("p", "Least validation error: " + "; ".join(said) + ".")] if said else []
