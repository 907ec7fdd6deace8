# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Memory while a network runs, function by function."""

from __future__ import annotations

from typing import Sequence

from markupsafe import Markup

from nnabla_compress.report.page.charts.plane import Plane
from nnabla_compress.report.page.elements import element


def memory_chart(title: str, before: Sequence[float], after: Sequence[float]) -> Markup:
    """Draws the memory that is held while each function runs, of two networks.

    Args:
        title: What it shows.
        before: kB of the float network, in the order of execution; may be empty.
        after: Of the compressed one.

    Example:
        >>> memory_chart("memory", [1, 2, 1], [1, 1]).count("<polyline")
        2
    """
    most = max([*before, *after, 0.0]) or 1.0
    plane = Plane((0, 1), (0, most), "from the first function to the last", "kB", x_ticks=False)
    drawn = [
        _staircase(plane, values, look)
        for values, look in ((after, "area c0"), (before, "line grey"))
        if values
    ]
    return plane.drawn(title, *drawn)


def _staircase(plane: Plane, values: Sequence[float], look: str) -> Markup:
    points = [(plane.x(0), plane.y(0))]
    for number, value in enumerate(values):
        ends = number / len(values), (number + 1) / len(values)
        points += [(plane.x(end), plane.y(value)) for end in ends]
    points.append((plane.x(1), plane.y(0)))
    steps = " ".join(f"{x:g},{y:g}" for x, y in points)
    return element("polyline", points=steps, class_=look)
