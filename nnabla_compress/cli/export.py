# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress export``: a finished run as files for a target."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from nnabla_compress.cli.engine import console
from nnabla_compress.report.tables import layer_table
from nnabla_compress.runs import export_run


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder [RUN/export].")
@click.option("-t", "--target", default="portable", show_default=True, help="What it is for.")
@click.option("--nnb/--no-nnb", default=True, show_default=True, help="Also write the .nnb file.")
@click.option(
    "--api",
    type=click.IntRange(1, 45),
    default=44,
    show_default=True,
    help="API level of the .nnb file; 3 for Spresense.",
)
@click.option("-b", "--batch-size", type=click.IntRange(1), default=1, show_default=True)
def command(
    run: Path, output: Optional[Path], target: str, nnb: bool, api: int, batch_size: int
) -> None:
    """Writes the compressed network of RUN, a run folder, as .nnp and .nnb."""
    folder = output or run / "export"
    report, paths = export_run(run, folder, target, nnb, api, batch_size)
    console.print(layer_table(report.rows_as_dicts()))
    for path in paths:
        console.print(f"{path}: {path.stat().st_size:,} bytes")
