# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress export``: a finished run, or an ``.nnp`` file, as files for a target."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.export_options import export_options
from nnabla_compress.cli.verb import Verb


@click.command("export", cls=Verb)
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder [RUN/export].")
@export_options
@click.option("-b", "--batch-size", type=click.IntRange(1), default=1, show_default=True)
def command(run: Path, output: Optional[Path], **options: Any) -> None:
    """Writes the compressed network of RUN as .nnp and .nnb.

    RUN is a run folder; or an .nnp, an .nntxt with its parameters beside it, or a folder of results
    of Neural Network Console, whose network is written as it is.
    """
    from nnabla_compress.cli.engine import console
    from nnabla_compress.cli.results import print_export
    from nnabla_compress.models import holds_network
    from nnabla_compress.report.tables import layer_table, stays_table
    from nnabla_compress.runs import export_file, export_run

    export = export_file if holds_network(run) else export_run
    folder = output or (run if run.is_dir() else run.parent) / "export"
    exported = export(run, folder, **options)
    console.print(layer_table(exported.report.rows_as_dicts()))
    if exported.report.what_stays():
        console.print(stays_table(exported.report.what_stays()))
    for path in exported.paths:
        console.print(f"{path}: {path.stat().st_size:,} bytes")
    print_export(exported.as_dict())
