# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress report``: what a run did and what it brought, as one page for any browser."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Tuple

import click

from nnabla_compress.cli.data_options import data_of_run, data_options
from nnabla_compress.cli.verb import PATH, Verb, answer


@click.command("report", cls=Verb)
@click.argument("targets", type=PATH, nargs=-1, required=True)
@click.option("-o", "--output", type=PATH, help="The file [RUN/report.html, or report.html].")
@click.option(
    "--measure",
    is_flag=True,
    help="Run both networks of a run again, on its own data, for what needs data.",
)
@data_options("Likewise, on other data; as for 'compress', e.g. FILE.npz or digits.")
@click.option("--trust", is_flag=True, help="With a run folder: run the Python code that it names.")
def command(
    targets: Tuple[Path, ...], output: Optional[Path], measure: bool, trust: bool, **options: Any
) -> None:
    """Writes report.html of TARGETS: a run folder, several to compare, or a file.

    The page needs no other file and no network. Every run writes one by itself; this writes it
    again, after 'verify' and 'diagnose' with what they found. A folder of runs, as of 'fit' and
    'sweep', stands for all of them. A file is an .nnp, or the sensitivity.json of 'sensitivity'.

    \b
        nnabla-compress report out
        nnabla-compress report runs/a runs/b runs/c -o compared.html
        nnabla-compress report out --data data.npz --scale 1/255 -o measured.html
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.runs.reported_again import report

    other = data_of_run(targets[0], None, **options)
    measured = measure or other is not None
    path = report(targets, output, measured, trust, other, messages.print)
    answer({"report": path})
    console.print(f"written to {path}")
