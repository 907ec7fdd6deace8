# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is printed at the end of a run, with data or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping

from rich.table import Table

from nnabla_compress.cli.engine import console, messages
from nnabla_compress.report.learned import learned_table
from nnabla_compress.report.tables import layer_table, new_table, result_table


def print_results(results: Mapping[str, Any], folder: Path) -> None:
    """Prints the tables of a finished run.

    Args:
        results: Content of its ``results.json``.
        folder: The run folder.
    """
    if results.get("layers"):
        console.print(layer_table(results["layers"]))
    if any("step" in row for row in results.get("quantizers", [])):
        console.print(learned_table(results["quantizers"]))
    scored = "accuracy" in results["float"]
    console.print(result_table([results]) if scored else size_table(results))
    if results.get("training", {}).get("bits_moved") is False:
        messages.print(
            "WARNING: no bit width ever moved, although the recipe learns them. Train longer, "
            "raise the learning rate, or give a tighter budget."
        )
    console.print(f"written to {folder}")


def size_table(results: Mapping[str, Any]) -> Table:
    """Returns a row for the float and one for the compressed network of a run without data.

    Args:
        results: Content of its ``results.json``.
    """
    table = new_table("Result")
    table.add_column("network", overflow="fold")
    for name in ("weights packed", "ratio", ".nnp file", ".nnb file"):
        table.add_column(name, justify="right")
    for name, key in (("float", "float"), (results["name"], "compressed")):
        part = results.get(key)
        if part is None:
            continue
        packed, plain = part["packed_weight_bytes"], part["float_weight_bytes"]
        files = [f"{part[kind]:,} B" if kind in part else "" for kind in ("nnp_bytes", "nnb_bytes")]
        table.add_row(name, f"{packed:,} B", f"{packed / max(plain, 1):.3f}", *files)
    table.caption = "no accuracy: the run has no data"
    return table
