# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What values a map has, and which of them its quantizer covers: two bars a row on one axis."""

from __future__ import annotations

from typing import NamedTuple, Sequence

from markupsafe import Markup

from nnabla_compress.report.page.elements import Child, element


class Span(NamedTuple):
    """A row.

    Args:
        name: What it is of.
        seen: Smallest and largest value that was seen.
        covered: Likewise what is covered.
        said: What it says in numbers.
    """

    name: Child
    seen: Sequence[float]
    covered: Sequence[float]
    said: Child


def span_table(headings: Sequence[str], rows: Sequence[Span], caption: str) -> Markup:
    """Draws a row for each map; each has its own axis, from its least to its largest value.

    Args:
        headings: Of the names, the bars and the numbers.
        rows: The maps.
        caption: What they show.

    Example:
        >>> drawn = span_table(["map", "", ""], [Span("a", (0, 8), (0, 4), "half")], "Ranges")
        >>> "left:0.00%;width:50.00%" in drawn
        True
    """
    body = []
    for row in rows:
        low = min(0.0, row.seen[0], row.covered[0])
        high = max(0.0, row.seen[1], row.covered[1])
        wide = (high - low) or 1.0
        drawn = element(
            "div",
            _part(row.seen, low, wide, "grey"),
            _part(row.covered, low, wide, "c0"),
            class_="span",
        )
        body.append(
            element(
                "tr",
                element("th", row.name, scope="row"),
                element("td", drawn, aria_hidden="true"),
                element("td", row.said, class_="number"),
            )
        )
    heads = [
        element("th", heading, scope="col", class_="number" if n == 2 else None)
        for n, heading in enumerate(headings)
    ]
    return element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        class_="bars",
    )


def _part(ends: Sequence[float], low: float, wide: float, look: str) -> Markup:
    left, right = (100 * (end - low) / wide for end in ends)
    place = f"left:{left:.2f}%;width:{max(right - left, 0.5):.2f}%"
    return element("div", class_=f"bar {look}", style=place)
