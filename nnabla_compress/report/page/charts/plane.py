# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Two axes with ticks, and where values lie between them."""

from __future__ import annotations

import math
from typing import List, Optional, Sequence, Tuple

import numpy as np
from markupsafe import Markup

from nnabla_compress.report.page.elements import element
from nnabla_compress.report.page.numbers import short

# Units of the drawings, about pixels of a phone.
WIDTH, HEIGHT = 420, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 50, 12, 20, 40


class Plane:
    """A plane that is drawn on.

    Args:
        x: Ends of the horizontal axis.
        y: Ends of the vertical axis.
        x_label: What is along it.
        y_label: Likewise.
        height: Of the drawing.
        x_logarithmic: Whether equal factors are equally far apart.
        y_logarithmic: Likewise.
        x_ticks: Whether the horizontal axis has numbers.

    Example:
        >>> plane = Plane((0, 10), (0, 1), "update", "loss")
        >>> round(plane.x(0)), round(plane.y(0)), round(plane.y(1))
        (50, 200, 20)
    """

    def __init__(
        self,
        x: Tuple[float, float],
        y: Tuple[float, float],
        x_label: str,
        y_label: str,
        height: int = HEIGHT,
        x_logarithmic: bool = False,
        y_logarithmic: bool = False,
        x_ticks: bool = True,
    ) -> None:
        self.height, self.labels, self._x_ticks = height, (x_label, y_label), x_ticks
        self._logarithmic = x_logarithmic, y_logarithmic
        self._ends = self._made(x, x_logarithmic), self._made(y, y_logarithmic)
        self.left, self.right = float(_LEFT), float(WIDTH - _RIGHT)
        self.top, self.bottom = float(_TOP), float(height - _BOTTOM)

    @staticmethod
    def _made(ends: Tuple[float, float], logarithmic: bool) -> Tuple[float, float]:
        low, high = (math.log10(max(end, 1e-30)) for end in ends) if logarithmic else ends
        return (low, high) if high > low else (low - 0.5, low + 0.5)

    def x(self, value: float) -> float:
        """Returns where a value is, from the left."""
        return self._at(value, 0, self.left, self.right)

    def y(self, value: float) -> float:
        """Returns where a value is, from the top."""
        return self._at(value, 1, self.bottom, self.top)

    def _at(self, value: float, axis: int, first: float, last: float) -> float:
        low, high = self._ends[axis]
        number = math.log10(max(value, 1e-30)) if self._logarithmic[axis] else value
        part = min(max((number - low) / (high - low), -0.02), 1.02)
        return round(first + part * (last - first), 2)

    def drawn(self, title: str, *shapes: Optional[Markup]) -> Markup:
        """Returns the drawing.

        Args:
            title: What it shows, for those who don't see it.
            shapes: What is drawn between the axes.
        """
        lines: List[Markup] = []
        for value in self._ticks(1):
            at = self.y(value)
            lines.append(element("line", x1=self.left, x2=self.right, y1=at, y2=at, class_="rule"))
            lines.append(
                element("text", short(value), x=self.left - 6, y=at + 4, class_="tick end")
            )
        for value in self._ticks(0) if self._x_ticks else ():
            at = self.x(value)
            lines.append(
                element("line", x1=at, x2=at, y1=self.bottom, y2=self.bottom + 4, class_="axis")
            )
            last = at > self.right - 14
            where = "tick end" if last else "tick middle"
            lines.append(
                element(
                    "text",
                    short(value),
                    x=self.right if last else at,
                    y=self.bottom + 17,
                    class_=where,
                )
            )
        lines.append(
            element(
                "line", x1=self.left, x2=self.right, y1=self.bottom, y2=self.bottom, class_="axis"
            )
        )
        below = element(
            "text",
            self.labels[0],
            x=(self.left + self.right) / 2,
            y=self.height - 6,
            class_="label middle",
        )
        middle = (self.top + self.bottom) / 2
        beside = element(
            "text",
            self.labels[1],
            transform=f"translate(12 {middle}) rotate(-90)",
            class_="label middle",
        )
        return svg(title, self.height, *lines, *shapes, below, beside)

    def _ticks(self, axis: int) -> List[float]:
        low, high = self._ends[axis]
        if self._logarithmic[axis]:
            return _of_logarithm(low, high)
        return ticks(low, high, 5 if axis == 0 else 4)


def svg(title: str, height: float, *shapes: Optional[Markup]) -> Markup:
    """Returns a drawing as wide as there is room.

    Args:
        title: What it shows, for those who don't see it.
        height: Its height where it is 420 wide.
        shapes: What is drawn.
    """
    return element(
        "svg",
        element("title", title),
        *shapes,
        viewBox=f"0 0 {WIDTH} {height:g}",
        role="img",
        aria_label=title,
    )


def path(points: Sequence[Tuple[float, float]], class_: str) -> Markup:
    """Returns a line through points of a drawing.

    Args:
        points: The points.
        class_: Its look.
    """
    steps = " ".join(f"{x:g},{y:g}" for x, y in points)
    return element("polyline", points=steps, class_=class_)


def ticks(low: float, high: float, about: int) -> List[float]:
    """Returns round numbers within an interval.

    Args:
        low: Its one end.
        high: Its other end.
        about: How many there shall be.

    Example:
        >>> ticks(0, 1, 4), ticks(0, 1214, 5)
        ([0.0, 0.25, 0.5, 0.75, 1.0], [0.0, 250.0, 500.0, 750.0, 1000.0])
    """
    raw = (high - low) / max(about, 1)
    if not math.isfinite(raw) or raw <= 0:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(part * power for part in (1, 2, 2.5, 5, 10) if part * power >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [float(f"{number * step:.10g}") for number in range(first, last + 1)]


def _of_logarithm(low: float, high: float) -> List[float]:
    whole = [10.0**n for n in range(math.ceil(low - 1e-9), math.floor(high + 1e-9) + 1)]
    if len(whole) > 5:
        return whole[:: -(-len(whole) // 5)]
    if len(whole) >= 2:
        return whole
    found = [
        part * 10.0**n
        for n in range(math.floor(low), math.ceil(high) + 1)
        for part in (1, 2, 5)
        if low - 1e-9 <= math.log10(part * 10.0**n) <= high + 1e-9
    ]
    return (
        found if len(found) >= 2 else [float(f"{10**end:.2g}") for end in np.linspace(low, high, 3)]
    )
