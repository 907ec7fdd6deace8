# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress export``: a finished run, or an ``.nnp`` file, as files for a target."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.choices import FLOAT, SCHEMES, SMALLEST, TARGETS
from nnabla_compress.cli.verb import Verb


@click.command("export", cls=Verb)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder [RUN/export].")
@click.option(
    "-t",
    "--target",
    type=click.Choice(TARGETS),
    default="portable",
    show_default=True,
    help="What it is for.",
)
@click.option(
    "--storage",
    type=click.Choice([SMALLEST, FLOAT, *SCHEMES]),
    default=SMALLEST,
    show_default=True,
    help="How quantized weights are stored.",
)
@click.option(
    "--snap-dictionary", is_flag=True, help="Put free dictionaries on an integer grid (INT8)."
)
@click.option("--nnb/--no-nnb", default=True, show_default=True, help="Also write the .nnb file.")
@click.option("--c", is_flag=True, help="Also write the .nnb as C source with an example.")
@click.option(
    "--api",
    type=click.IntRange(1, 45),
    default=44,
    show_default=True,
    help="API level of the .nnb file; 3 for Spresense.",
)
@click.option("-b", "--batch-size", type=click.IntRange(1), default=1, show_default=True)
def command(run: Path, output: Optional[Path], **options: Any) -> None:
    """Writes the compressed network of RUN as .nnp and .nnb.

    RUN is a run folder; or an .nnp, an .nntxt with its parameters beside it, or a folder of results
    of Neural Network Console, whose network is written as it is.
    """
    from nnabla_compress.c_kernels import EXAMPLE, GLUE, KERNELS
    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.models import holds_network
    from nnabla_compress.report.tables import layer_table, stays_table
    from nnabla_compress.runs import export_file, export_run

    export = export_file if holds_network(run) else export_run
    folder = output or (run if run.is_dir() else run.parent) / "export"
    exported = export(run, folder, **options)
    console.print(layer_table(exported.report.rows_as_dicts()))
    if exported.report.what_stays():
        console.print(stays_table(exported.report.what_stays()))
    for note in exported.report.notes:
        messages.print(f"NOTE: {note}.")
    sizes = exported.sizes
    for line in sizes.lines() if sizes is not None else []:
        console.print(line)
    for path in exported.paths:
        console.print(f"{path}: {path.stat().st_size:,} bytes")
    if any(path.name in EXAMPLE for path in exported.paths):
        sources = " ".join(name for name in (*EXAMPLE, *GLUE, *KERNELS) if name.endswith(".c"))
        console.print(f"compile: cc -O2 {sources} -lnnablart_runtime -lnnablart_functions -lm")
