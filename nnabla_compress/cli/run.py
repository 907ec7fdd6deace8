# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress run``: a recipe from data to exported network."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from nnabla_compress.cli.choices import MOST_SEED
from nnabla_compress.cli.verb import PATH, Verb
from nnabla_compress.cli.worker_options import worker_options


@click.command("run", cls=Verb)
@click.argument("recipe", type=PATH, required=False)
@click.option("-o", "--output", type=PATH, help="Run folder [runs/<name>].")
@click.option(
    "--seed",
    type=click.IntRange(0, MOST_SEED),
    help="Takes the place of the recipe's; the run folder is then runs/<name>-seed<N>.",
)
@click.option("--resume", is_flag=True, help="Go on with the run that the folder holds.")
@click.option(
    "--trust", is_flag=True, help="With -o FOLDER --resume: run the Python code that it names."
)
@worker_options
def command(
    recipe: Optional[Path],
    output: Optional[Path],
    seed: Optional[int],
    resume: bool,
    trust: bool,
    jobs: Optional[int],
    ray: Optional[str],
) -> None:
    """Trains, compresses, exports and scores a network as RECIPE (a YAML file) says.

    The run folder receives the resolved recipe, monitors, checkpoints, results.nnp and
    results.nnb, and results.json. A run that was stopped at any moment goes on with --resume and
    ends with the same bits; with -o FOLDER --resume its recipe need not be named.

    --jobs N trains the sections of a network, or tries the candidates of a search, where the recipe
    has some, at the same time.

    With --seed N the same recipe runs with other starting values, batches and augmentation.
    """
    from nnabla_compress.cli.engine import messages, progress
    from nnabla_compress.cli.results import note_beginning, print_results
    from nnabla_compress.memory import imports_stay
    from nnabla_compress.recipes import Recipe
    from nnabla_compress.runs import Run
    from nnabla_compress.runs.finished import open_run
    from nnabla_compress.runs.run import refuse_other
    from nnabla_compress.workers import workers

    imports_stay()
    if recipe is not None:
        description, ending = Recipe.read(recipe), ""
        if seed is not None:
            description, ending = description.with_seed(seed), f"-seed{seed}"
        folder = output or Path("runs") / f"{description.name}{ending}"
        if resume:
            note_beginning(folder)
        run = Run(description, folder, recipe.parent, resume)
    elif resume and output is not None:
        folder, run = output, open_run(output, trust)
        if seed is not None:
            refuse_other(folder, run.recipe, run.recipe.with_seed(seed))
    else:
        way = "name the run to go on with by -o FOLDER" if resume else "configs/ holds some"
        raise click.UsageError(f"Missing argument 'RECIPE', a YAML file; {way}.")
    with workers(jobs, ray) as crew:
        results = run.execute(progress.announce, messages.print, crew)
    print_results(results, folder)
