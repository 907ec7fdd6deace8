# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights of a layer before and after, with the levels of its quantizer."""

from __future__ import annotations

from typing import List, Sequence

from markupsafe import Markup

from nnabla_compress.report.page.charts.plane import Plane
from nnabla_compress.report.page.elements import element

_HEIGHT = 190


def histogram(
    title: str,
    low: float,
    high: float,
    before: Sequence[float],
    after: Sequence[float],
    levels: Sequence[float] = (),
) -> Markup:
    """Draws shares of weights over their values.

    Args:
        title: What it shows.
        low: Lower end of the first bin.
        high: Upper end of the last one.
        before: Shares of 1 in each bin, drawn as a line; may be empty.
        after: Likewise, drawn as an area.
        levels: Values of the quantizer, drawn as rules.

    Example:
        >>> histogram("fc", -1, 1, [0.5, 0.5], [1, 0], [-0.5, 0.5]).count('class="level"')
        2
    """
    most = max([*before, *after, 0.0]) or 1.0
    plane = Plane((low, high), (0, 100 * most), "value of a weight", "weights in %", _HEIGHT)
    shapes: List[Markup] = []
    for level in levels:
        if low <= level <= high:
            x = plane.x(level)
            shapes.append(
                element("line", x1=x, x2=x, y1=plane.top, y2=plane.bottom, class_="level")
            )
    if after:
        shapes.append(_outline(plane, low, high, after, "area c0"))
    if before:
        shapes.append(_outline(plane, low, high, before, "line grey"))
    return plane.drawn(title, *shapes)


def _outline(plane: Plane, low: float, high: float, shares: Sequence[float], look: str) -> Markup:
    step = (high - low) / len(shares)
    points = [(plane.x(low), plane.y(0))]
    for number, share in enumerate(shares):
        y = plane.y(100 * share)
        points += [(plane.x(low + number * step), y), (plane.x(low + (number + 1) * step), y)]
    points.append((plane.x(high), plane.y(0)))
    steps = " ".join(f"{x:g},{y:g}" for x, y in points)
    return element("polyline", points=steps, class_=look)
