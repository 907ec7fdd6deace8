# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a reader should know before these files are shipped, and what to do next."""

from __future__ import annotations

from typing import List, Optional, Tuple

from markupsafe import Markup

from nnabla_compress.report.page.elements import element
from nnabla_compress.report.page.numbers import percent
from nnabla_compress.report.page.section import Reported, Section

# Part of the accuracy that may go before it is worth asking why.
_MUCH = 0.01


def advice(reported: Reported) -> Optional[Section]:
    """Returns warnings, notes and commands; None where there are none.

    Args:
        reported: What the report is about.
    """
    results = reported.results
    said: List[Tuple[str, str, Optional[str]]] = []
    for name, part in (
        ("float network", results.float),
        ("compressed network", results.compressed),
    ):
        for warning in part.warnings if part is not None else ():
            said.append(("warning", f"The {name}: {warning}.", None))
    after = results.compressed
    if after is not None and None not in (results.float.accuracy, after.accuracy):
        lost = (results.float.accuracy or 0) - (after.accuracy or 0)
        if lost > _MUCH:
            text = f"The compression costs {percent(lost)} of the samples. This tells why:"
            said.append(("warning", text, f"nnabla-compress diagnose {reported.place}"))
    last = after or results.float
    for note in (*(results.notes or ()), *last.notes):
        said.append(("note", f"{note[:1].upper()}{note[1:].rstrip('.')}.", None))
    for name, command in last.commands.items():
        said.append(("next", _NEXT.get(name, name), command))
    if not said:
        return None
    entries = [
        element(
            "li",
            element("strong", kind.capitalize(), class_=f"tag {kind}"),
            element("div", element("p", text), _command(command)),
        )
        for kind, text, command in said
    ]
    return Section("What to know, and what to do next", [element("ul", *entries, class_="advice")])


_NEXT = {
    "convert": "NNabla's own converter needs the settings, or it stores codes as floats:",
    "compile": "Compile; $NNABLA_C_RUNTIME is the folder of nnabla-c-runtime, built in its build:",
}


def _command(command: Optional[str]) -> Optional[Markup]:
    return None if command is None else element("pre", element("code", command))
