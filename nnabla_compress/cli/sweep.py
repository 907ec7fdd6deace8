# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress sweep``: sizes of a network, each compressed in several ways."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from nnabla_compress.cli.verb import PATH, Verb
from nnabla_compress.cli.worker_options import worker_options


@click.command("sweep", cls=Verb)
@click.argument("file", type=PATH)
@click.option("-o", "--output", type=PATH, help="Folder [runs/<name>].")
@click.option("--resume", is_flag=True, help="Go on with the sweep that the folder holds.")
@click.option("--json", "as_json", is_flag=True, help="Print sweep.json instead of tables.")
@worker_options
def command(
    file: Path,
    output: Optional[Path],
    resume: bool,
    as_json: bool,
    jobs: Optional[int],
    ray: Optional[str],
) -> None:
    """Trains a network in several sizes and compresses each, as FILE (YAML) says.

    At each number of bytes it says which size to train and how to compress it: a large network that
    is compressed much often does better than a small one that is compressed little.

    Each point is a run folder; sweep.json and sweep.png tell all of them.
    """
    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.files import json_text
    from nnabla_compress.memory import imports_stay
    from nnabla_compress.safe_names import file_name
    from nnabla_compress.sweeping import Sweep, sweep
    from nnabla_compress.sweeping.tables import answer_lines, point_table
    from nnabla_compress.workers import workers

    imports_stay()
    description = Sweep.read(file)
    folder = output or Path("runs") / file_name(description.name)
    with workers(jobs, ray) as crew:
        swept = sweep(description, folder, crew, resume, messages.print)
    if as_json:
        click.echo(json_text(swept.as_dict()))
        return
    console.print(point_table(swept))
    for line in answer_lines(swept):
        console.print(line, soft_wrap=True, highlight=False)
