# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress run``: a recipe from data to exported network."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from nnabla_compress.cli.verb import Verb


@click.command("run", cls=Verb)
@click.argument("recipe", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Run folder [runs/<name>].")
@click.option("--resume", is_flag=True, help="Go on with the run that the folder holds.")
def command(recipe: Path, output: Optional[Path], resume: bool) -> None:
    """Trains, compresses, exports and scores a network as RECIPE (a YAML file) says.

    The run folder receives the resolved recipe, monitors, checkpoints, results.nnp and
    results.nnb, and results.json. A run that was stopped at any moment goes on with --resume and
    ends with the same bits.
    """
    from nnabla_compress.cli.engine import messages, progress
    from nnabla_compress.cli.results import print_results
    from nnabla_compress.recipes import Recipe
    from nnabla_compress.runs import Run

    description = Recipe.read(recipe)
    folder = output or Path("runs") / description.name
    run = Run(description, folder, recipe.parent, resume)
    results = run.execute(progress.announce, messages.print)
    print_results(results, folder)
