# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The table of a verification."""

from __future__ import annotations

import io

from rich.console import Console

from nnabla_compress.agreement import Agreement
from nnabla_compress.report.verification import accuracy_lines, verification_table
from nnabla_compress.verification import Comparison, Verification
from nnabla_compress.verification.report import EQUAL

FOUND = Verification(
    {".nnp": "net.nnp"},
    "the test samples",
    8,
    (
        Comparison(
            "graph",
            "simulator",
            EQUAL,
            {
                "y": Agreement(1.0, 1.0, 0.0, 0.0, 300.0, 1.0),
                "z": Agreement(0.25, 0.25, 0.125, 0.1),
            },
        ),
    ),
    {"graph": 0.9125},
)


def test_it_has_a_row_for_each_output():
    console = Console(width=160, record=True, file=io.StringIO())
    console.print(verification_table(FOUND))
    lines = console.export_text().splitlines()
    (kept,) = [line for line in lines if " y " in line]
    (broken,) = [line for line in lines if " z " in line]
    assert "100.00 %" in kept and "exact" in kept and "yes" in kept
    assert "25.00 %" in broken and "0.125" in broken and "NO" in broken


def test_accuracies_are_lines_of_their_own():
    assert accuracy_lines(FOUND) == ["accuracy of the graph: 91.25 %"]
