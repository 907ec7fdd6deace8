# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress inspect``: what an .nnp file holds."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from nnabla_compress.cli.engine import console
from nnabla_compress.exporters.summary import summary
from nnabla_compress.report.network import summary_tables


@click.command("inspect")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of tables.")
def command(file: Path, as_json: bool) -> None:
    """Prints the networks, layers, costs and limits of FILE, an .nnp file of any tool."""
    found = summary(file)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=1, default=str))
        return
    for part in summary_tables(found):
        console.print(part)
