# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress prune``: channels or single weights out of an .nnp file that exists."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.choices import IMPORTANCES
from nnabla_compress.cli.data_options import taken
from nnabla_compress.cli.run_options import carry_out, run_options
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
    type=click.Choice(["layers", "network", "savings"]),
    help="The same part of each layer, or one ranking, by what a channel saves, too [layers for "
    "channels, network for weights].",
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
@click.option(
    "--reconstruct",
    type=click.IntRange(1),
    metavar="SAMPLES",
    help="Refit the layers behind to what they gave before, on so many samples.",
)
@run_options
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
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.recipes.quick_prune import PruningOptions, pruning_recipe

    pruning, data = taken(PruningOptions, options), taken(DataOptions, options)
    carry_out(pruning_recipe(file, pruning, data, export=options), output, resume)
