# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress diagnose``: why a run lost accuracy, and what mends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from nnabla_compress.cli.data_options import data_of_run, data_options
from nnabla_compress.cli.verb import PATH, Verb, answer


@click.command("diagnose", cls=Verb)
@click.argument("run", type=PATH)
@data_options("As for 'compress', e.g. FILE.npz or digits [the run's own].")
@click.option("-n", "--samples", type=click.IntRange(1), default=64, show_default=True)
@click.option("--trust", is_flag=True, help="Run the Python code that the folder names.")
def command(run: Path, samples: int, trust: bool, **options: Any) -> None:
    """Tells why RUN, a run folder, lost accuracy: what is at fault, the most useful first.

    Each quantized tensor is tried alone, with everything else float, and together with those before
    it. Then it is looked for tensors that are too coarse, outliers, saturation, dead channels,
    channels to equalize, and inputs that are not what the network knows. Each finding comes with
    the command that mends it.

    \b
        nnabla-compress diagnose out
        nnabla-compress diagnose out --data data.npz --scale 1/255
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from rich.text import Text

    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.report.diagnosis import error_table, finding_lines
    from nnabla_compress.runs.diagnosed import diagnose_run

    recipe = options.get("recipe_data")
    other = data_of_run(run, "either", **options)
    named = "" if recipe is None else str(recipe)
    found = diagnose_run(run, samples, trust, other, named, messages.print).as_dict()
    answer(found)
    console.print(error_table(found["errors"]))
    if not found["findings"]:
        console.print(f"nothing is at fault that is looked for, on {found['samples']} samples")
    for line in finding_lines(found["findings"]):
        console.print(Text(line), soft_wrap=True)
