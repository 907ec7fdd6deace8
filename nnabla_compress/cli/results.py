# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is printed at the end of a run, with data or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, Mapping, Optional

from rich.table import Table
from rich.text import Text

from nnabla_compress.cli.engine import console, messages
from nnabla_compress.exporters import NnbReport
from nnabla_compress.report.learned import learned_table
from nnabla_compress.report.tables import (
    FLOAT_ROW,
    SIZES,
    compressed_name,
    layer_table,
    new_table,
    result_table,
    size_cells,
    stays_table,
)

_COMMANDS = {
    "convert": "NNabla's own converter needs the settings, or it stores codes as floats:",
    "compile": "compile; $NNABLA_C_RUNTIME is the folder of nnabla-c-runtime, built in its build:",
}


def note_beginning(folder: Path) -> None:
    """Says so if there is nothing to go on with, since a run may have been meant elsewhere.

    Args:
        folder: The run folder that ``--resume`` is for.
    """
    if not (folder / "recipe.yaml").exists():
        messages.print(
            f"NOTE: {folder} holds no run to go on with, so that one begins; -o names the folder "
            "of a run that exists.",
        )


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
    for name in ("float", "compressed"):
        for warning in results.get(name, {}).get("warnings", []):
            messages.print(f"WARNING: {name} network: {warning}.")
    last = results.get("compressed", part)
    for note in part.get("notes", []) if part is not last else []:
        if note not in last.get("notes", []):
            messages.print(f"NOTE: float network: {note}.")
    print_export(last, part)
    console.print(f"written to {folder}")


def print_export(part: Mapping[str, Any], plain: Optional[Mapping[str, Any]] = None) -> None:
    """Prints the sizes of an export, what a user should know of it, and commands to go on with.

    Args:
        part: What ``results.json`` says of the export.
        plain: The same of the float network, if that was exported, too.
    """
    if "nnb_bytes" in part and "buffer_bytes" in part:
        for line in NnbReport.from_dict(part).lines():
            console.print(line)
    if plain is not None and part.get("nnp_bytes", 0) > plain.get("nnp_bytes", 0):
        console.print(
            f"the .nnp ({part['nnp_bytes']:,} bytes, float {plain['nnp_bytes']:,}) holds codes as "
            "floats; what the device loads is the .nnb"
        )
    for note in part.get("notes", []):
        messages.print(f"NOTE: {note}.")
    commands = part.get("commands", {})
    for name, command in commands.items():
        console.print(_COMMANDS[name], soft_wrap=True, highlight=False)
        console.print(Text(f"  {command}"), soft_wrap=True, highlight=False)


def size_table(results: Mapping[str, Any]) -> Table:
    """Returns a row for the float and one for the compressed network, with what is measured.

    Args:
        results: Content of its ``results.json``.
    """
    table = new_table("Result")
    table.add_column("network", overflow="fold")
    measures = _measures(results["float"], "targets" in results)
    for name in (*measures, *SIZES):
        table.add_column(name, justify="right")
    for name, key in ((FLOAT_ROW, "float"), (compressed_name(results), "compressed")):
        if key in results:
            values = _measures(results[key], "targets" in results).values()
            table.add_row(name, *values, *size_cells(results[key]))
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
