# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sensitivities and chosen bits as tables, a CSV file, and lines above the rules of a recipe."""

from __future__ import annotations

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Dict, List, Union

from rich.table import Table
from rich.text import Text

from nnabla_compress.files import atomic_path
from nnabla_compress.report.tables import new_table
from nnabla_compress.search.assign_bits import budget_text
from nnabla_compress.search.carry_out import Outcome
from nnabla_compress.search.sensitivity import (
    ACTIVATIONS,
    CHANNELS,
    COLUMNS,
    RANKS,
    WEIGHTS,
    Sensitivities,
    Sensitivity,
)


def sensitivity_table(found: Sensitivities) -> Table:
    """Returns a row for each change.

    Args:
        found: What was measured.
    """
    with_ = [f"{kind} with {rule}" for kind, rule in found.quantizers.items()]
    with_ += [_HOW[kind].format(by) for kind, by in found.how.items()]
    accuracy = "" if found.accuracy is None else f", accuracy {100 * found.accuracy:.2f} %"
    what = "One tensor quantized" if found.only_bits else "One change"
    table = new_table("")
    table.title = Text(
        f"{what}: {' and '.join(with_)}; {found.samples} samples, float: loss "
        f"{found.loss:.4f}{accuracy}"
    )
    table.add_column("tensor" if found.only_bits else "what", overflow="fold")
    saved = [] if found.only_bits else ["parameters", "operations"]
    named = "bits" if found.only_bits else "change"
    for name in (named, "bytes", *saved, "loss", "accuracy", "tensor dB", "output dB"):
        table.add_column(name, justify="right")
    for row in found.rows:
        table.add_row(
            Text(row.layer),
            level_text(row) if saved else str(row.bits),
            f"{row.size_bits // 8:,}",
            *(_less(n) for n in (row.saved_parameters, row.saved_macs)[: len(saved)]),
            f"{row.loss:+.4f}",
            "" if row.accuracy is None else f"{100 * row.accuracy:+.2f} %",
            *("exact" if x is None else f"{x:.1f}" for x in (row.tensor_snr, row.output_snr)),
        )
    return table


_HOW = {CHANNELS: "channels ranked by {}", RANKS: "layers factorized by {}"}
_LEVELS = {
    WEIGHTS: "{:g} bits",
    ACTIVATIONS: "{:g} bits",
    CHANNELS: "-{:g} % channels",
    RANKS: "{:g} % by ranks",
}


def level_text(row: Sensitivity) -> str:
    """Returns how much of a change a row is.

    Args:
        row: The row.

    Example:
        >>> level_text(Sensitivity("weights", "fc", "Affine", 8, 8, 4, 32, 0.1, None, None, None))
        '4 bits'
    """
    return _LEVELS[row.kind].format(row.bits if row.share is None else 100 * row.share)


def _less(count: int) -> str:
    return f"{-count:+,}" if count else ""


def kept_lines(found: Sensitivities) -> List[Text]:
    """Returns lines that say what could not be made smaller, those of one reason together.

    Args:
        found: What was measured.
    """
    lines = []
    for kind, kept in found.kept.items():
        by_reason: Dict[str, List[str]] = {}
        for name, why in kept.items():
            by_reason.setdefault(why, []).append(name)
        for why, names in by_reason.items():
            lines.append(Text(f"no {kind} of {', '.join(names)}: {why}"))
    return lines


def write_csv(found: Sensitivities, path: Union[str, Path]) -> None:
    """Writes a line for each change; a ratio without noise is left empty.

    Args:
        found: What was measured.
        path: The file.
    """
    with atomic_path(path) as temporary:
        with open(temporary, "w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            for row in found.rows:
                said = row.decided.items()
                decided = "; ".join(
                    f"{key} {value if isinstance(value, str) else ' '.join(map(str, value))}"
                    for key, value in said
                )
                writer.writerow({**asdict(row), "decided": decided})


def assignment_table(found: Sensitivities, outcome: Outcome) -> Table:
    """Returns a row for each change that was chosen: its size, and what it does alone.

    Args:
        found: What was measured.
        outcome: What was chosen.
    """
    table = new_table("Chosen bits" if found.only_bits else "Chosen")
    table.add_column("tensor" if found.only_bits else "what", overflow="fold")
    table.add_column("kind")
    named = "bits" if found.only_bits else "change"
    for name in (named, "bytes, alone", "loss, alone", "output dB, alone"):
        table.add_column(name, justify="right")
    for row in outcome.chosen.rows(found):
        ratio = "exact" if row.output_snr is None else f"{row.output_snr:.1f}"
        size = f"{row.size_bits // 8:,}"
        change = str(row.bits) if found.only_bits else level_text(row)
        table.add_row(Text(row.layer), row.kind, change, size, f"{row.loss:+.4f}", ratio)
    return table


def summary_lines(found: Sensitivities, outcome: Outcome, by: str) -> List[str]:
    """Returns what is to be known about a choice, a sentence a line.

    Args:
        found: What was measured.
        outcome: What was chosen.
        by: What was summed up.
    """
    chosen, scores = outcome.chosen, outcome.scores
    taken = chosen.rows(found)
    sizes = []
    for name, place in outcome.made.sizes.items():
        if not place:
            continue
        text = f"{name} {budget_text(name, place)}"
        foreseen = chosen.sizes.get(name, place)
        sizes.append(
            text if foreseen == place else f"{text} ({budget_text(name, foreseen)} added up)"
        )
    best = "" if chosen.exact else "; near the best, not proven to be"
    lines = [f"{', '.join(sizes)}; total cost {chosen.cost:.6g}, summed up by {by}{best}"]
    lines += [
        f"the budget of what is added up was lowered to {name} {budget_text(name, most)}: with the "
        "one given, the network would have taken more"
        for name, most in outcome.corrected.items()
    ]
    if scores is None:
        return [*lines, "not scored as a whole: effects of layers may not add up"]
    expected = sum(row.loss for row in taken)
    each = "tensors" if found.only_bits else "changes"
    words = [
        f"loss {scores.loss:.4f} (float {found.loss:.4f}: {scores.loss - found.loss:+.4f}, the "
        f"{each} one at a time add up to {expected:+.4f})"
    ]
    if scores.accuracy is not None and found.accuracy is not None:
        words.append(f"accuracy {100 * scores.accuracy:.2f} % (float {100 * found.accuracy:.2f} %)")
    ratio = "exact" if scores.output_snr is None else f"{scores.output_snr:.1f} dB"
    lines.append(f"all at once, {found.samples} samples: {', '.join(words)}, output {ratio}")
    return lines
