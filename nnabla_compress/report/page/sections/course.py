# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What was done: the steps of a run in their order."""

from __future__ import annotations

from typing import Any, List, Mapping, Optional

from markupsafe import Markup

from nnabla_compress.report.page.elements import element
from nnabla_compress.report.page.section import Reported, Section
from nnabla_compress.report.page.tables import more, table

_MOST = 8  # options that are shown at once


def course(reported: Reported) -> Optional[Section]:
    """Returns the steps with their options; None for results that don't tell them.

    Args:
        reported: What the report is about.
    """
    steps = reported.results.course
    if not steps:
        return None
    entries = [_entry(number, step) for number, step in enumerate(steps, 1)]
    return Section("What was done", [element("ol", *entries, class_="steps")])


def _entry(number: int, step: Mapping[str, Any]) -> Markup:
    options = [(name, _said(value)) for name, value in _flat(step.get("options"))]
    options = [(name, said) for name, said in options if said not in ("", "[]", "{}")]
    first = [
        element("span", element("b", f"{name} "), said, class_="option")
        for name, said in options[:_MOST]
    ]
    rest = options[_MOST:]
    updates = step.get("updates")
    return element(
        "li",
        element("h3", str(step["step"]).replace("_", " "), id_=None),
        None if updates is None else element("p", f"{int(updates):,} updates", class_="small"),
        element("p", *first, class_="options") if first else None,
        more(f"{len(rest)} further options", table(["option", "value"], rest)) if rest else None,
    )


def _flat(options: Any) -> List[Any]:
    if isinstance(options, Mapping):
        return [(name, value) for name, value in options.items() if value is not None]
    return [] if options is None else [("", options)]


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}: {_said(v)}" for name, v in value.items() if v is not None)
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_said, value))
    return str(value)
