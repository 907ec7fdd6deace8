# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is printed at the end of a run, with data or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping

from rich.table import Table

from nnabla_compress.cli.engine import console, messages
from nnabla_compress.exporters import NnbReport
from nnabla_compress.report.learned import learned_table
from nnabla_compress.report.tables import layer_table, new_table, result_table, stays_table


def print_results(results: Mapping[str, Any], folder: Path) -> None:
    """Prints the tables of a finished run.

    Args:
        results: Content of its ``results.json``.
        folder: The run folder.
    """
    if results.get("layers"):
        console.print(layer_table(results["layers"]))
    if results.get("what_stays"):
        console.print(stays_table(results["what_stays"]))
    if any("step" in row for row in results.get("quantizers", [])):
        console.print(learned_table(results["quantizers"]))
    part = results["float"]
    plain = "accuracy" in part and not {"accuracy_name", "targets"} & {*part, *results}
    console.print(result_table([results]) if plain else size_table(results))
    if results.get("training", {}).get("bits_moved") is False:
        messages.print(
            "WARNING: no bit width ever moved, although the recipe learns them. Train longer, "
            "raise the learning rate, or give a tighter budget."
        )
    last = results.get("compressed", part)
    if "nnb_bytes" in last and "buffer_bytes" in last:
        for line in NnbReport.from_dict(last).lines():
            console.print(line)
    for note in last.get("notes", []):
        messages.print(f"NOTE: {note}.")
    console.print(f"written to {folder}")


def size_table(results: Mapping[str, Any]) -> Table:
    """Returns a row for the float and one for the compressed network, with what is measured.

    Args:
        results: Content of its ``results.json``.
    """
    table = new_table("Result")
    table.add_column("network", overflow="fold")
    measures = _measures(results["float"], "targets" in results)
    for name in (*measures, "weights packed", "ratio", ".nnp file", ".nnb file"):
        table.add_column(name, justify="right")
    for name, key in (("float", "float"), (results["name"], "compressed")):
        part = results.get(key)
        if part is None:
            continue
        packed, plain = part["packed_weight_bytes"], part["float_weight_bytes"]
        files = [f"{part[kind]:,} B" if kind in part else "" for kind in ("nnp_bytes", "nnb_bytes")]
        values = _measures(part, "targets" in results).values()
        table.add_row(name, *values, f"{packed:,} B", f"{packed / max(plain, 1):.3f}", *files)
    if not measures:
        table.caption = (
            "no accuracy: --evaluate scores both networks"
            if results.get("calibration_samples")
            else "no accuracy: the run has no data"
        )
    elif "targets" in results:
        table.caption = f"targets: {results['targets']}"
    return table


def _measures(part: Mapping[str, Any], agreement: bool) -> Dict[str, str]:
    """What was measured of a network, as text by name."""
    if "loss" not in part:
        return {}
    shown: Dict[str, str] = {}
    if "accuracy" in part:
        name = "agreement" if agreement else part.get("accuracy_name", "accuracy")
        shown[name] = f"{100 * part['accuracy']:.2f} %"
    for name, value in part.get("metrics", {}).items():
        shown[name] = f"{value:.4g}"
    return {**shown, "loss": f"{part['loss']:.4g}"}
