# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a fit came to, as a table and lines."""

from __future__ import annotations

from pathlib import Path
from typing import List

from rich.table import Table

from nnabla_compress.fitting.record import FitRecord
from nnabla_compress.safe_names import shell_word
from nnabla_compress.sizes import size_text


def attempt_table(found: FitRecord) -> Table:
    """Returns a table of all attempts.

    Args:
        found: What was tried.
    """
    table = Table(title="Attempts")
    table.add_column("attempt", overflow="fold")
    for heading in ("flash", "RAM", "accuracy", "drop", "s", "CPU s"):
        table.add_column(heading, justify="right")
    table.add_column("outcome")
    for each in found.attempts:
        sizes = each.sizes
        table.add_row(
            each.name,
            "" if sizes is None else f"{sizes.flash:,}",
            "" if sizes is None else f"{sizes.ram:,}",
            "" if each.accuracy is None else f"{100 * each.accuracy:.2f} %",
            "" if each.drop is None else f"{each.drop:.2f}",
            f"{each.seconds:.0f}",
            f"{each.cpu_seconds:.0f}",
            "fits" if each.fits else "misses" if each.state == "done" else each.state,
        )
    return table


def closing_lines(found: FitRecord, folder: Path) -> List[str]:
    """Returns what a user reads in the end: the answer, or the nearest misses.

    Args:
        found: What was tried.
        folder: Where it lies.
    """
    limits = found.asked["limits"]
    wanted = (
        f"flash {size_text(limits['flash'])}, RAM {size_text(limits['ram'])}, "
        f"{limits['drop']:g} points"
    )
    if found.answer is None:
        nothing = ["no attempt came to an end"] if not found.help else []
        return [f"does not fit {wanted}:", *(f"  {line}" for line in [*found.help, *nothing])]
    answer = found.named(found.answer)
    assert answer is not None and answer.sizes is not None and answer.accuracy is not None
    lines = [
        f"fits {wanted}: {answer.what}: {answer.sizes.text()}, "
        f"{100 * answer.accuracy:.2f} %, {answer.drop:.2f} points below float"
    ]
    if found.test:
        test = found.test
        lines.append(
            f"  on {test['samples']:,} test samples: {100 * test['accuracy']:.2f} % "
            f"(float {100 * test['float']:.2f} %)"
        )
    place = folder / answer.name
    return [
        *lines,
        f"  written to {place}; the same again:",
        f"  nnabla-compress run {shell_word(place / 'recipe.yaml')} -o FOLDER",
    ]
