# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress prune``: channels or single weights out of an .nnp file that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.choices import IMPORTANCES
from nnabla_compress.cli.data_options import data_options, loss_option, network_option, taken
from nnabla_compress.cli.export_options import export_options
from nnabla_compress.cli.verb import PATH, Verb


@click.command("prune", cls=Verb)
@click.argument("file", type=PATH)
@click.option(
    "--filters",
    multiple=True,
    metavar="[PATTERN=]PART",
    help="Remove this part of each layer's channels: 50% or 0.5; 'conv1*=0.25' by name.",
)
@click.option("--macs", metavar="PART", help="Remove channels until this part of the MACs is left.")
@click.option("--parameters", metavar="PART", help="Likewise of the parameters.")
@click.option("--bytes", metavar="SIZE", help="Likewise until they take so much as floats: 70kB.")
@click.option(
    "--sparsity",
    multiple=True,
    metavar="[PATTERN=]PART",
    help="Set this part of the weights to zero; layers keep their shapes.",
)
@click.option("--nm", metavar="N:M", help="Likewise: of every M input channels N stay, e.g. 2:4.")
@click.option(
    "--importance",
    default="l1",
    show_default=True,
    metavar="NAME[:OPTION=VALUE]",
    help=f"What is ranked by, e.g. taylor:samples=512; known are {', '.join(IMPORTANCES)}.",
)
@click.option(
    "--across",
    type=click.Choice(["layers", "network"]),
    help="The same part of each layer, or one ranking [layers for channels, network for weights].",
)
@click.option("--layers", multiple=True, metavar="PATTERN", help="Which layers are pruned [all].")
@click.option("--residual", is_flag=True, help="Let channels that additions join go, too.")
@click.option("--regrow", is_flag=True, help="Let single weights come back in the training.")
@click.option(
    "--rounds",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Remove channels in so many rounds, a part of the epochs behind each.",
)
@click.option(
    "--gradual",
    is_flag=False,
    flag_value="",
    metavar="[every=100,end_at=0.75]",
    help="Prune single weights little by little in the training.",
)
@click.option(
    "--statistics",
    type=click.IntRange(2),
    metavar="SAMPLES",
    help="Estimate statistics of batch normalizations anew, from so many samples.",
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
    """Prunes FILE, an .nnp file, without its training script.

    \b
    Half of the channels, without data:
        nnabla-compress prune net.nnp --filters 50% -o out
    Half of the operations, ranked on data, and trained:
        nnabla-compress prune net.nnp --macs 0.5 --importance taylor \\
            --data data.npz --scale 1/255 --epochs 3 --distill -o out
    Single weights, little by little:
        nnabla-compress prune net.nnp --sparsity 0.8 --gradual --data data.npz --epochs 3 -o out

    Channels are removed with all that belongs to them: the network becomes a smaller one. The run
    folder is that of 'nnabla-compress run', with the recipe that these options stand for.
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.cli.engine import messages, progress
    from nnabla_compress.cli.results import note_beginning, print_results
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.recipes.quick_prune import PruningOptions, pruning_recipe
    from nnabla_compress.runs import Run

    pruning, data = taken(PruningOptions, options), taken(DataOptions, options)
    recipe, folder = pruning_recipe(file, pruning, data, export=options)
    target = output or Path("runs") / recipe.name
    if resume:
        note_beginning(target)
    run = Run(recipe, target, folder, resume)
    results = run.execute(progress.announce, messages.print)
    print_results(results, target)
