# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress inspect``: what an .nnp file holds."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from nnabla_compress.cli.verb import Verb


@click.command("inspect", cls=Verb)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def command(file: Path, as_json: bool) -> None:
    """Prints the networks, layers, costs and limits of FILE, an .nnp file of any tool."""
    from nnabla_compress.cli.engine import console
    from nnabla_compress.exporters.summary import summary
    from nnabla_compress.files import json_text
    from nnabla_compress.report.network import summary_tables

    found = summary(file)
    if as_json:
        click.echo(json_text(asdict(found)))
        return
    for part in summary_tables(found):
        console.print(part)
