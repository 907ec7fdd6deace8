# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How many samples of each class got each answer: a table whose cells are the darker the more."""

from __future__ import annotations

import math
from typing import Dict, Sequence, Tuple

from markupsafe import Markup

from nnabla_compress.names import shortened
from nnabla_compress.report.page.elements import element

_LONGEST = 12  # characters of a class


def matrix(
    counts: Dict[Tuple[int, int], int], names: Sequence[str], caption: str, rows: str
) -> Markup:
    """Draws a table of counts.

    Args:
        counts: By row and column; what is missing is 0.
        names: Of the classes.
        caption: What it shows.
        rows: What the rows are.

    Example:
        >>> drawn = matrix({(0, 0): 3, (1, 0): 1}, ["a", "b"], "Answers", "label")
        >>> drawn.count("<td"), ">3</td>" in drawn
        (5, True)
    """
    most = max(counts.values(), default=1)
    heads = [element("td")]
    short = [shortened(name, _LONGEST) for name in names]
    heads += [element("th", name, scope="col") for name in short]
    body = []
    for i, name in enumerate(short):
        cells = [element("th", name, scope="row")]
        for j in range(len(names)):
            count = counts.get((i, j), 0)
            # Off the diagonal stand few: on a plain scale they would not be seen.
            part = math.log1p(count) / math.log1p(most)
            look = "right" if i == j else "wrong"
            cells.append(
                element(
                    "td",
                    str(count) if count else "",
                    class_=f"{look} d{math.ceil(5 * part)}" if count else None,
                )
            )
        body.append(element("tr", *cells))
    inner = element(
        "table",
        element("caption", caption, " ", element("small", f"rows: {rows}, columns: answer")),
        element("thead", element("tr", *heads)),
        element("tbody", *body),
        class_="matrix",
    )
    return element("div", inner, class_="scroll", role="region", aria_label=caption, tabindex=0)
