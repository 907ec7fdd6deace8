# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Lines over time, with marks where something began."""

from __future__ import annotations

from typing import List, Mapping, Sequence, Tuple

from markupsafe import Markup

from nnabla_compress.report.page.charts.plane import Plane, path
from nnabla_compress.report.page.elements import element

Points = Sequence[Sequence[float]]
COLOURS = 6


def line_chart(
    title: str,
    lines: Mapping[str, Sequence[Points]],
    x_label: str,
    y_label: str,
    marks: Sequence[Tuple[float, str]] = (),
    logarithmic: bool = False,
) -> Markup:
    """Draws lines with a key below them.

    Args:
        title: What it shows.
        lines: By name the pieces of each line, points ``(x, y)``.
        x_label: What is along the horizontal axis.
        y_label: What is along the vertical one.
        marks: Where something began, and its number or name, as short as one letter.
        logarithmic: Whether equal factors are equally high.

    Example:
        >>> drawn = line_chart("loss", {"training": [[(0, 1), (1, 0.5)]]}, "update", "loss")
        >>> drawn.count("<polyline"), "training" in drawn
        (1, True)
    """
    every = [point for pieces in lines.values() for piece in pieces for point in piece]
    xs, ys = [float(p[0]) for p in every] or [0.0], [float(p[1]) for p in every] or [0.0]
    low = min(y for y in ys if y > 0 or not logarithmic) if not logarithmic else _least(ys)
    plane = Plane(
        (min(0.0, *xs) if len(xs) > 1 else 0.0, max(xs)),
        (low if logarithmic else min(0.0, low), max(ys)),
        x_label,
        y_label,
        y_logarithmic=logarithmic,
    )
    shapes: List[Markup] = []
    for at, name in marks:
        x = plane.x(at)
        shapes.append(element("line", x1=x, x2=x, y1=plane.top, y2=plane.bottom, class_="mark"))
        shapes.append(element("text", name, x=x, y=plane.top - 6, class_="tick middle"))
    for number, pieces in enumerate(lines.values()):
        for piece in pieces:
            kept = [p for p in piece if p[1] > 0 or not logarithmic]
            points = [(plane.x(float(x)), plane.y(float(y))) for x, y in kept]
            look = f"line c{number % COLOURS}"
            shapes.append(path(points, look))
            if len(points) == 1:
                (x, y), *_ = points
                shapes.append(element("circle", cx=x, cy=y, r=3, class_=f"dot c{number % COLOURS}"))
    return element("div", plane.drawn(title, *shapes), key(list(lines)), class_="chart")


def key(names: Sequence[str]) -> Markup:
    """Returns which colour is which line.

    Args:
        names: The lines.
    """
    entries = [
        element("li", element("span", class_=f"swatch c{number % COLOURS}"), name)
        for number, name in enumerate(names)
    ]
    return element("ul", *entries, class_="key")


def _least(values: Sequence[float]) -> float:
    return min((value for value in values if value > 0), default=1.0)
