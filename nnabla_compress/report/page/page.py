# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The page: one HTML file that needs no other and no network."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, List, Sequence

from markupsafe import Markup

from nnabla_compress.errors import DataError
from nnabla_compress.report.page.comparison import comparison
from nnabla_compress.report.page.elements import shown
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.sections import sections_of
from nnabla_compress.report.page.summary import cards, lead

NAME = "report.html"
_DAMAGED = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError),
    *(TypeError, ValueError),
)


def page_of(every: Sequence[Reported]) -> str:
    """Returns the page of a run, or of several.

    Args:
        every: What it is about.

    Raises:
        DataError: If what a file says is not what such files say.
    """
    try:
        return _page(every)
    except _DAMAGED as error:
        names = ", ".join(reported.place for reported in every)
        raise DataError(
            f"no report can be made of {names}: {type(error).__name__} {error}.",
            help="its results.json is not as a run wrote it: run again, or take it from a copy",
        ) from error


def _page(every: Sequence[Reported]) -> str:
    several = len(every) > 1
    first = every[0].results
    sections: List[Section] = [comparison(every)] if several else sections_of(every[0])
    title = " and ".join(r.results.name for r in every) if len(every) == 2 else first.name
    return _template().render(
        title=title if len(every) < 3 else f"{len(every)} runs",
        lead="" if several or every[0].of_file else lead(first),
        date=first.date,
        cards=[] if several else cards(first),
        sections=list(enumerate(sections, 1)),
        style=Markup(_text("style.css")),  # ours
    )


@lru_cache(maxsize=1)
def _template() -> Any:
    from jinja2 import Environment  # here: who asks for the page's name needs none of it

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["shown"] = shown
    return environment.from_string(_text("report.html.j2"))


def _text(name: str) -> str:
    return (Path(__file__).parent / name).read_text("utf-8")
