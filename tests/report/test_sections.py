# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The table of sections says what became of each."""

from __future__ import annotations

import io

from rich.console import Console

from nnabla_compress.report.sections import section_table

ROW = {
    "section": 1, "gives": ["a/relu", "b/relu"], "layers": 2, "iterations": 10, "before": 0.5,
    "alone": 0.25, "accumulated": 0.3, "costs": 0.125, "bound": 0.35,
}  # fmt: skip


def test_errors_are_percentages_and_a_second_training_is_said():
    rows = [ROW, {**ROW, "section": 2, "gain": 0.75, "again": True}, {**ROW, "again": False}]
    console = Console(file=io.StringIO(), width=160)
    console.print(section_table(rows))
    text = console.file.getvalue()
    first, second, third = (line for line in text.splitlines() if "a/relu, b/relu" in line)
    for part in ("50.0 %", "25.0 %", "30.0 %", "35.0 %", "12.5 %"):
        assert part in first
    assert "0.75" in second and "10, again " in second and "0.75" not in first
    assert "10, again in vain" in third
