# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Several networks by size and accuracy, and those that no other beats in both."""

from __future__ import annotations

from typing import Dict, List, NamedTuple, Sequence, Tuple

from markupsafe import Markup

from nnabla_compress.report.page.charts.plane import Plane, path
from nnabla_compress.report.page.elements import element

_HEIGHT = 300


class Point(NamedTuple):
    """A network.

    Args:
        label: A letter or two that stand for it.
        size: In kB.
        score: In %.
        look: Its colour.
    """

    label: str
    size: float
    score: float
    look: str = "c0"


def front(points: Sequence[Point]) -> List[Point]:
    """Returns the points that no other beats in size and score, the smallest first.

    Args:
        points: All points.

    Example:
        >>> points = [Point("a", 4, 90), Point("b", 2, 80), Point("c", 3, 70)]
        >>> [point.label for point in front(points)]
        ['b', 'a']
    """
    found: List[Point] = []
    for point in sorted(points, key=lambda each: (each.size, -each.score)):
        if not found or point.score > found[-1].score:
            found.append(point)
    return found


def _together(points: Sequence[Point]) -> List[Point]:
    """The points with those at one place as one, which has all their labels."""
    places: Dict[Tuple[float, float], List[Point]] = {}
    for point in points:
        places.setdefault((point.size, point.score), []).append(point)
    return [
        same[0]._replace(label=" ".join(point.label for point in same)) for same in places.values()
    ]


def scatter(title: str, points: Sequence[Point], x_label: str, y_label: str) -> Markup:
    """Draws points and a line through those on the front.

    Args:
        title: What it shows.
        points: The networks.
        x_label: What is along the horizontal axis, which is logarithmic.
        y_label: What is along the vertical one.
    """
    sizes, scores = [p.size for p in points], [p.score for p in points]
    room = 0.08 * ((max(scores) - min(scores)) or 1)
    plane = Plane(
        (min(sizes) / 1.25, max(sizes) * 1.25),
        (min(scores) - room, max(scores) + room),
        x_label,
        y_label,
        _HEIGHT,
        x_logarithmic=True,
    )
    best = front(points)
    corners = []
    for number, point in enumerate(best):
        if number:
            corners.append((plane.x(point.size), plane.y(best[number - 1].score)))
        corners.append((plane.x(point.size), plane.y(point.score)))
    shapes: List[Markup] = [path(corners, "line thin c1")] if len(corners) > 1 else []
    for point in _together(points):
        x, y = plane.x(point.size), plane.y(point.score)
        last = x > plane.right - 24
        shapes.append(element("circle", cx=x, cy=y, r=4.5, class_=f"dot {point.look}"))
        shapes.append(
            element(
                "text",
                point.label,
                x=x + (-8 if last else 8),
                y=y + 4,
                class_="tick strong end" if last else "tick strong",
            )
        )
    return plane.drawn(title, *shapes)
