# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a verification found, as the command line prints it."""

from __future__ import annotations

import math
from typing import List

from rich.table import Table

from nnabla_compress.report.tables import new_table
from nnabla_compress.verification import Verification

_NO_NOISE = 300.0


def verification_table(found: Verification) -> Table:
    """Returns a row for each output of each comparison.

    Args:
        found: The verification.
    """
    table = new_table(f"Agreement on {found.count} samples: {found.samples}")
    table.add_column("compared", overflow="fold")
    table.add_column("output", overflow="fold")
    for name in ("equal numbers", "largest difference", "SNR, dB", "same class"):
        table.add_column(name, justify="right")
    table.add_column("promised", overflow="fold")
    table.add_column("kept")
    for comparison in found.comparisons:
        for name, output in comparison.outputs.items():
            same = output.same_class
            table.add_row(
                f"{comparison.first} - {comparison.second}",
                name,
                f"{100 * output.equal:.2f} %",
                f"{output.largest:.3g}",
                _decibels(output.snr),
                "" if same is None else f"{100 * same:.2f} %",
                comparison.promise.text,
                "yes" if comparison.promise.kept(output) else "NO",
            )
    return table


def accuracy_lines(found: Verification) -> List[str]:
    """Returns a line for each accuracy.

    Args:
        found: The verification.
    """
    return [
        f"accuracy of the {name}: {100 * accuracy:.2f} %"
        for name, accuracy in found.accuracies.items()
    ]


def _decibels(snr: float) -> str:
    if math.isnan(snr):
        return ""
    return "exact" if snr >= _NO_NOISE else f"{snr:.1f}"
