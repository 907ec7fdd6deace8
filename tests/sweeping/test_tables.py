# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables and lines of sweeps."""

from __future__ import annotations

from rich.console import Console

from nnabla_compress.sweeping import Row, Swept, answers
from nnabla_compress.sweeping.tables import answer_lines, point_table
from tests.sweeping.test_sweep import described


def test_the_best_are_marked_and_what_failed_is_said():
    rows = [
        Row("a", "2 bits", "", 1.0, validation=0.5, test=0.4, bytes=10, macs=1000),
        Row("b", "float", "", 1.0, failed="no."),
    ]
    swept = Swept(described(), rows, answers(rows, [5, 10]), {}, "2026-11-29")
    console = Console(width=120, record=True)
    console.print(point_table(swept))
    text = console.export_text()
    assert "1,000" in text and "50.00 %" in text and "*" in text and "failed" in text
    assert answer_lines(swept) == [
        "within 5 B: nothing that was tried is so small",
        "within 10 B: train a, compress: 2 bits (10 B, validation 50.00 %, test 40.00 %)",
    ]
