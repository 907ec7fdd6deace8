# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress factorize``: smaller layers in the place of those of an .nnp file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.choices import FACTORIZATIONS
from nnabla_compress.cli.data_options import data_options, loss_option, network_option, taken
from nnabla_compress.cli.export_options import export_options
from nnabla_compress.cli.verb import PATH, Verb


@click.command("factorize", cls=Verb)
@click.argument("file", type=PATH)
@click.option(
    "-m",
    "--method",
    multiple=True,
    type=click.Choice(FACTORIZATIONS),
    help="How layers become smaller ones [tucker]; of several the best for each layer. Affine "
    "layers and 1x1 convolutions always get svd.",
)
@click.option("--macs", metavar="PART", help="Most of the operations that may be left: 60% or 0.6.")
@click.option("--parameters", metavar="PART", help="Likewise of the parameters.")
@click.option("--bytes", metavar="SIZE", help="What these may take as floats, such as 70kB.")
@click.option(
    "--ranks",
    multiple=True,
    metavar="[PATTERN=]RANK",
    help="Ranks by name instead: 16, 'conv2*=16', or 'conv2*=8,16' for inputs and outputs.",
)
@click.option("--energy", metavar="PART", help="Instead: the part of the weights' energy to keep.")
@click.option("--ratio", metavar="PART", help="Instead: the part of its operations for each layer.")
@click.option(
    "--evbmf",
    is_flag=False,
    flag_value=1.0,
    type=click.FloatRange(0, min_open=True),
    metavar="[FACTOR]",
    help="Instead: ranks that stand out of noise, times a factor.",
)
@click.option("--layers", multiple=True, metavar="PATTERN", help="Which layers [all].")
@click.option(
    "--samples",
    type=click.IntRange(0),
    help="Samples of --data that errors are measured on [64]; 0: those of the weights count.",
)
@click.option(
    "--responses/--no-responses",
    default=True,
    help="Fit svd and channel to what layers respond to these samples, or to weights.",
)
@click.option("-o", "--output", type=PATH, help="Run folder [runs/<FILE>].")
@network_option
@data_options(
    "FILE.npz; train.csv,test.csv; FILE.py:FUNCTION; or a source such as digits or "
    "cifar10:PATH. Options of the source follow, e.g. FILE.npz,y=mask,y_scale=1/255.",
    "Take data, preprocessing and augmentation from a recipe.",
)
@click.option(
    "--validation",
    type=click.FloatRange(0, 1, max_open=True),
    help="Part of the training samples that the best epoch is chosen by [0.1 with --epochs, "
    "0 for .npz files].",
)
@loss_option()
@click.option("-e", "--epochs", type=click.FloatRange(0), help="Fine-tune so long; needs --data.")
@click.option("-b", "--batch-size", type=click.IntRange(1), help="Samples of an update [64].")
@click.option("-l", "--learning-rate", type=float, help="At the start [0.01].")
@click.option("--solver", help="A solver of nnabla.solvers [Momentum].")
@click.option("--weight-decay", type=float, help="L2 decay of the weights [0].")
@click.option(
    "--distill",
    is_flag=False,
    flag_value="",
    metavar="[temperature=4,weight=0.9]",
    help="Learn the whole network's outputs, too; with weight=1 data need no labels.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@export_options
@click.option("--resume", is_flag=True, help="Go on with the run that the folder holds.")
def command(file: Path, output: Optional[Path], resume: bool, **options: Any) -> None:
    """Factorizes FILE, an .nnp file: puts two or three smaller layers in the place of one.

    \b
    60 % of the operations, without data:
        nnabla-compress factorize net.nnp --method spatial --macs 60% -o out
    Ranks chosen where outputs change least, then trained:
        nnabla-compress factorize net.nnp -m spatial -m tucker --macs 60% \
            --data data.npz --scale 1/255 --epochs 3 --distill -o out

    The new layers are ordinary ones: all other verbs take results.nnp. The run folder is that of
    'nnabla-compress run', with the recipe that these options stand for.
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.cli.engine import messages, progress
    from nnabla_compress.cli.results import note_beginning, print_results
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.recipes.quick_factorize import FactorizationOptions, factorization_recipe
    from nnabla_compress.runs import Run

    factorization, data = taken(FactorizationOptions, options), taken(DataOptions, options)
    recipe, folder = factorization_recipe(file, factorization, data, export=options)
    target = output or Path("runs") / recipe.name
    if resume:
        note_beginning(target)
    run = Run(recipe, target, folder, resume)
    results = run.execute(progress.announce, messages.print)
    print_results(results, target)
