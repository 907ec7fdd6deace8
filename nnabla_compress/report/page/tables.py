# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables of a report; wide ones scroll by themselves."""

from __future__ import annotations

from typing import Optional, Sequence

from markupsafe import Markup

from nnabla_compress.report.page.elements import Child, element


def table(
    headings: Sequence[Child],
    rows: Sequence[Sequence[Child]],
    caption: Optional[str] = None,
    numbers: Sequence[int] = (),
    class_: Optional[str] = None,
) -> Markup:
    """Returns a table whose first column names the rows.

    Args:
        headings: Of the columns.
        rows: Cells, the first ones being names.
        caption: What it tells.
        numbers: Columns that are aligned as numbers.
        class_: Its look.

    Example:
        >>> print(table(["layer", "bytes"], [["fc", "16"]], numbers=[1]))  # doctest: +ELLIPSIS
        <div class="scroll"...<th scope="row">fc</th><td class="number">16</td>...</div>
    """
    heads = [
        element("th", head, scope="col", class_="number" if n in numbers else None)
        for n, head in enumerate(headings)
    ]
    body = []
    for row in rows:
        cells = [element("th", row[0], scope="row")]
        for n, cell in enumerate(row[1:], 1):
            cells.append(element("td", cell, class_="number" if n in numbers else None))
        body.append(element("tr", *cells))
    inner = element(
        "table",
        None if caption is None else element("caption", caption),
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        class_=class_,
    )
    said = caption or "table"
    return element("div", inner, class_="scroll", role="region", aria_label=said, tabindex=0)


def figure(drawn: Markup, caption: Child, class_: Optional[str] = None) -> Markup:
    """Returns a drawing with what it shows below it.

    Args:
        drawn: The drawing.
        caption: What it shows.
        class_: Its look.
    """
    return element("figure", drawn, element("figcaption", caption), class_=class_)


def grid(*blocks: Markup) -> Markup:
    """Returns blocks beside each other where there is room.

    Args:
        blocks: The blocks.
    """
    return element("div", *blocks, class_="grid")


def more(summary: str, *blocks: Markup) -> Markup:
    """Returns blocks that are opened by a click.

    Args:
        summary: What is inside.
        blocks: The blocks.
    """
    return element("details", element("summary", summary), *blocks)
