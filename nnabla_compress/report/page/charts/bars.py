# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bars in a table: each row with its name, its bars and what they say in numbers."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

from markupsafe import Markup

from nnabla_compress.report.page.elements import Child, element


class Bar(NamedTuple):
    """A row of bars.

    Args:
        name: What it is of.
        parts: Lengths, of the largest of all, and looks of the bars.
        said: The numbers.
        below: What stands in small letters below the name.
    """

    name: Child
    parts: Sequence[Tuple[float, str]]
    said: Child
    below: Optional[str] = None


def bar_table(headings: Sequence[str], rows: Sequence[Bar], caption: str) -> Markup:
    """Draws a table of bars; the longest one fills its column.

    Args:
        headings: Of the names, the bars and the numbers.
        rows: The bars.
        caption: What they show.

    Example:
        >>> drawn = bar_table(["layer", "", "bytes"], [Bar("fc", [(5.0, "c0")], "5 B")], "Bytes")
        >>> "width:100.00%" in drawn, 'scope="row"' in drawn
        (True, True)
    """
    most = max((length for row in rows for length, _ in row.parts), default=0.0) or 1.0
    body: List[Markup] = []
    for row in rows:
        drawn = [
            element("div", class_=f"bar {look}", style=f"width:{_width(length, most)}")
            for length, look in row.parts
        ]
        small = None if row.below is None else element("small", row.below)
        body.append(
            element(
                "tr",
                element("th", row.name, small, scope="row"),
                element("td", *drawn, aria_hidden="true"),
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


def _width(length: float, most: float) -> str:
    part = 100 * min(max(length / most, 0.0), 1.0)
    return f"{max(part, 0.4) if length > 0 else 0:.2f}%"
