# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sensitivities and chosen bits as tables, a CSV file, and lines above the rules of a recipe."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import List, Optional, Union

from rich.table import Table
from rich.text import Text

from nnabla_compress.files import atomic_path
from nnabla_compress.report.tables import new_table
from nnabla_compress.search.assign_bits import Assignment, budget_text
from nnabla_compress.search.scoring import Scores
from nnabla_compress.search.sensitivity import COLUMNS, Sensitivities


def sensitivity_table(found: Sensitivities) -> Table:
    """Returns a row for each tensor and bit width.

    Args:
        found: What was measured.
    """
    with_ = " and ".join(f"{kind} with {rule}" for kind, rule in found.quantizers.items())
    accuracy = "" if found.accuracy is None else f", accuracy {100 * found.accuracy:.2f} %"
    table = new_table("")
    table.title = Text(
        f"One tensor quantized: {with_}; {found.samples} samples, float: loss "
        f"{found.loss:.4f}{accuracy}"
    )
    table.add_column("tensor", overflow="fold")
    for name in ("bits", "bytes", "loss", "accuracy", "tensor dB", "output dB"):
        table.add_column(name, justify="right")
    for row in found.rows:
        table.add_row(
            Text(row.layer),
            str(row.bits),
            f"{row.size_bits // 8:,}",
            f"{row.loss:+.4f}",
            "" if row.accuracy is None else f"{100 * row.accuracy:+.2f} %",
            *("exact" if x is None else f"{x:.1f}" for x in (row.tensor_snr, row.output_snr)),
        )
    return table


def write_csv(found: Sensitivities, path: Union[str, Path]) -> None:
    """Writes a line for each layer and bit width; a ratio without noise is left empty.

    Args:
        found: What was measured.
        path: The file.
    """
    with atomic_path(path) as temporary:
        with open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(asdict(row) for row in found.rows)


def assignment_table(found: Sensitivities, chosen: Assignment) -> Table:
    """Returns a row for each tensor: its bits, its size, and what it does alone.

    Args:
        found: What was measured.
        chosen: Bits by kind and name.
    """
    table = new_table("Chosen bits")
    table.add_column("tensor", overflow="fold")
    table.add_column("kind")
    for name in ("bits", "bytes", "loss, alone", "output dB, alone"):
        table.add_column(name, justify="right")
    rows = {(row.kind, row.layer, row.bits): row for row in found.rows}
    for (kind, name), bits in chosen.bits.items():
        row = rows[kind, name, bits]
        ratio = "exact" if row.output_snr is None else f"{row.output_snr:.1f}"
        size = f"{row.size_bits // 8:,}"
        table.add_row(Text(name), kind, str(bits), size, f"{row.loss:+.4f}", ratio)
    return table


def summary_lines(
    found: Sensitivities, chosen: Assignment, by: str, scores: Optional[Scores]
) -> List[str]:
    """Returns what is to be known about chosen bits, a sentence a line.

    Args:
        found: What was measured.
        chosen: Bits by kind and name.
        by: What was summed up.
        scores: Of the network with all of them at once, None if it was not scored.
    """
    rows = {(row.kind, row.layer, row.bits): row for row in found.rows}
    taken = [rows[kind, name, bits] for (kind, name), bits in chosen.bits.items()]
    sizes = []
    for kind in found.quantizers:
        total = sum(row.size_bits for row in taken if row.kind == kind)
        sizes.append(f"{kind} {budget_text(kind, total)}")
    if "bops" in chosen.sizes:
        sizes.append(f"bops {chosen.sizes['bops']:,}")
    best = "" if chosen.exact else "; near the best, not proven to be"
    lines = [f"{', '.join(sizes)}; total cost {chosen.cost:.6g}, summed up by {by}{best}"]
    if scores is None:
        return [*lines, "not scored as a whole: effects of layers may not add up"]
    expected = sum(row.loss for row in taken)
    words = [
        f"loss {scores.loss:.4f} (float {found.loss:.4f}: {scores.loss - found.loss:+.4f}, the "
        f"tensors one at a time add up to {expected:+.4f})"
    ]
    if scores.accuracy is not None and found.accuracy is not None:
        words.append(f"accuracy {100 * scores.accuracy:.2f} % (float {100 * found.accuracy:.2f} %)")
    ratio = "exact" if scores.output_snr is None else f"{scores.output_snr:.1f} dB"
    lines.append(f"all at once, {found.samples} samples: {', '.join(words)}, output {ratio}")
    return lines
