# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a diagnosis found, the most useful first."""

from __future__ import annotations

from typing import Optional

from nnabla_compress.report.page.elements import element
from nnabla_compress.report.page.section import Reported, Section


def findings(reported: Reported) -> Optional[Section]:
    """Returns the findings, each with the command that mends it; None without a diagnosis.

    Args:
        reported: What the report is about.
    """
    found = reported.findings
    if found is None:
        return None
    if not found:
        return Section("Diagnosis", [element("p", "Nothing is at fault that is looked for.")])
    entries = [
        element(
            "li",
            element("strong", str(each["title"])),
            element("p", str(each["text"])),
            element("pre", element("code", str(each["command"]))) if each.get("command") else None,
        )
        for each in found
    ]
    return Section("Diagnosis", [element("ol", *entries, class_="findings")])
