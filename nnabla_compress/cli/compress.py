# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress compress``: an .nnp file that exists, by rules on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.choices import CONVERSIONS, MAPS
from nnabla_compress.cli.data_options import data_options, loss_option, network_option, taken
from nnabla_compress.cli.export_options import export_options
from nnabla_compress.cli.verb import PATH, Verb


@click.command("compress", cls=Verb)
@click.argument("file", type=PATH)
@click.option(
    "-w",
    "--weights",
    multiple=True,
    metavar="[PATTERN=]RULE",
    help="For instance lut:bits=4 for all layers, 'fc*=lut:bits=8' by name, "
    "lut:bits=8,types=Affine,position=last; the last rule that matches a layer holds.",
)
@click.option(
    "-a",
    "--activations",
    multiple=True,
    metavar="[PATTERN=]RULE",
    help="For instance uniform:bits=8; needs --data, a batch of which sets the ranges.",
)
@click.option(
    "--maps",
    type=click.Choice(MAPS),
    default="activations",
    show_default=True,
    help="What --activations is for: outputs of activation functions, or all that a device stores.",
)
@click.option(
    "--rules",
    type=PATH,
    metavar="FILE",
    help="Rules that 'assign-bits' wrote; --weights and --activations come after them.",
)
@click.option(
    "--convert",
    type=click.Choice(CONVERSIONS),
    help="Turn NNabla's own quantizers into these, with the same values.",
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
    "--budget",
    multiple=True,
    metavar="WHAT=SIZE",
    help="weights=70kB, activations=90kB or activations_max=8kB; needs --epochs.",
)
@click.option(
    "--distill",
    is_flag=False,
    flag_value="",
    metavar="[temperature=4,weight=0.9]",
    help="Learn the float network's outputs, too; with weight=1 data need no labels.",
)
@click.option(
    "--fold",
    type=click.Choice(["after", "before", "training"]),
    default="after",
    show_default=True,
    help="Fold batch normalizations after the compression, before it, or in its training.",
)
@click.option(
    "--freeze-after",
    type=click.IntRange(0),
    metavar="UPDATES",
    help="With --fold training: updates until their running statistics are frozen.",
)
@click.option(
    "--shrink",
    is_flag=True,
    help="First take out channels that are zero or never read; alone, it needs no --weights.",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@export_options
@click.option("--resume", is_flag=True, help="Go on with the run that the folder holds.")
def command(file: Path, output: Optional[Path], resume: bool, **options: Any) -> None:
    """Compresses FILE, an .nnp file, without its training script.

    \b
    Without data, weights only, no training:
        nnabla-compress compress net.nnp --weights lut:bits=4 -o out
    Scored and fine-tuned:
        nnabla-compress compress net.nnp -w lut:bits=4 -w 'fc*=lut:bits=8' \\
            -a uniform:bits=8 --data data.npz --scale 1/255 --epochs 3 -o out

    The run folder is that of 'nnabla-compress run', with the recipe that these options stand for.
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.cli.engine import messages, progress
    from nnabla_compress.cli.results import note_beginning, print_results
    from nnabla_compress.recipes.quick import CompressionOptions, compression_recipe
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.runs import Run

    compression, data = taken(CompressionOptions, options), taken(DataOptions, options)
    recipe, folder = compression_recipe(file, compression, data, export=options)
    target = output or Path("runs") / recipe.name
    if resume:
        note_beginning(target)
    run = Run(recipe, target, folder, resume)
    results = run.execute(progress.announce, messages.print)
    print_results(results, target)
