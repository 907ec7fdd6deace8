# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Several networks by size and accuracy, and those that no other beats in both."""

from __future__ import annotations

from typing import List, NamedTuple, Sequence, Tuple

from markupsafe import Markup

from nnabla_compress.report.page.charts.plane import Plane, path
from nnabla_compress.report.page.elements import element

_HEIGHT = 300
# What a letter takes, of the drawing's units.
_WIDE, _HIGH, _LETTER = 20, 14, 9


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


def _together(places: Sequence[Tuple[float, float]]) -> List[List[int]]:
    """The points by number, those whose letters would lie over each other in one list."""
    found: List[List[int]] = []
    for number in sorted(range(len(places)), key=lambda each: places[each]):
        x, y = places[number]
        for group in found:
            if any(abs(places[n][0] - x) < _WIDE and abs(places[n][1] - y) < _HIGH for n in group):
                group.append(number)
                break
        else:
            found.append([number])
    return found


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
    places = [(plane.x(point.size), plane.y(point.score)) for point in points]
    for group in _together(places):
        for number in group:
            x, y = places[number]
            look = points[number].look
            shapes.append(element("circle", cx=x, cy=y, r=4.5, class_=f"dot {look}"))
        label = " ".join(points[number].label for number in sorted(group))
        x, y = places[group[-1]]
        last = x > plane.right - 12 - _LETTER * len(label)
        shapes.append(
            element(
                "text",
                label,
                x=places[group[0]][0] - 8 if last else x + 8,
                y=y + 4,
                class_="tick strong end" if last else "tick strong",
            )
        )
    return plane.drawn(title, *shapes)
