# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is printed at the end of a run, with data or without."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from rich.text import Text

from nnabla_compress.cli.engine import console, messages
from nnabla_compress.cli.verb import answer
from nnabla_compress.report.learned import learned_table
from nnabla_compress.report.page import NAME as REPORT
from nnabla_compress.report.result_tables import (
    exits_line,
    nnb_score_line,
    result_table,
    size_table,
)
from nnabla_compress.report.results import NetworkResults, Results
from nnabla_compress.report.sections import section_table
from nnabla_compress.report.tables import (
    layer_table,
    stays_table,
)

_COMMANDS = {
    "convert": "NNabla's own converter needs the settings, or it stores codes as floats:",
    "compile exits": "compile the program that stops at the first confident exit:",
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


def print_results(results: Results, folder: Path) -> None:
    """Prints the tables of a finished run.

    Args:
        results: What it came to.
        folder: The run folder.
    """
    answer(results.as_dict())
    if results.layers:
        console.print(layer_table(results.layers))
    if results.what_stays:
        console.print(stays_table(results.what_stays))
    if results.sections:
        console.print(section_table(results.sections))
    quantizers = results.quantizers or []
    if any("step" in row for row in quantizers):
        console.print(learned_table(quantizers))
    part, last = results.float, results.compressed or results.float
    plain = part.accuracy is not None and part.accuracy_name is None and results.targets is None
    console.print(result_table([results]) if plain else size_table(results))
    if results.compressed is not None and results.compressed.nnb_score is not None:
        console.print(nnb_score_line(results.compressed.nnb_score))
    for name, found in (("float", part), ("compressed", results.compressed)):
        for warning in found.warnings if found is not None else ():
            messages.print(f"WARNING: {name} network: {warning}.")
    for note in part.notes if part is not last else ():
        if note not in last.notes:
            messages.print(f"NOTE: float network: {note}.")
    if last.exit_accuracies:
        console.print(exits_line(last.exit_accuracies))
    print_export(last, part)
    console.print(f"written to {folder}")
    if (folder / REPORT).is_file():
        console.print(f"to look at: {folder / REPORT}")


def print_export(part: NetworkResults, plain: Optional[NetworkResults] = None) -> None:
    """Prints the sizes of an export, what a user should know of it, and commands to go on with.

    Args:
        part: What is known of the export.
        plain: The same of the float network, if that was exported, too.
    """
    if part.sizes is not None:
        for line in part.sizes.lines():
            console.print(line)
    coded = (part.packed_weight_bytes or 0) < (part.float_weight_bytes or 0)
    if coded and plain is not None and (part.nnp_bytes or 0) > (plain.nnp_bytes or 0):
        console.print(
            f"the .nnp ({part.nnp_bytes:,} bytes, float {plain.nnp_bytes:,}) holds codes as "
            "floats; what the device loads is the .nnb"
        )
    for row in (part.exits or {}).get("files", ()):
        handed = f", hands {row['handed_bytes']:,} bytes on" if row["handed_bytes"] else ""
        console.print(
            f"{row['exit']}: {row['operations']:,} operations to it, {row['file']} of "
            f"{row.get('nnb_bytes', 0):,} bytes{handed}, RAM {row.get('buffer_bytes', 0):,} bytes"
        )
    for note in part.notes:
        messages.print(f"NOTE: {note}.")
    for name, command in part.commands.items():
        console.print(_COMMANDS[name], soft_wrap=True, highlight=False)
        console.print(Text(f"  {command}"), soft_wrap=True, highlight=False)
