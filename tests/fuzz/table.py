# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The counts as a table for ``docs/reliability.md``: ``python -m tests.fuzz.table``."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parents[2]
COUNTS = ROOT / "docs" / "results" / "fuzz.json"


def table() -> str:
    """Returns a row for each harness, from the counts of its last written run."""
    rows = ["| what | files | what became of them | faults | date |", "|---|---|---|---|---|"]
    for name, result in json.loads(COUNTS.read_text("utf-8")).items():
        counts = ", ".join(f"{word} {number:,}" for word, number in result["counts"].items())
        numbers = f"{result['tried']:,} | {counts} | {result['faults']:,}"
        rows.append(f"| {name} | {numbers} | {result['date']} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(table())
