# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress factorize``: smaller layers in the place of those of an .nnp file."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.choices import FACTORIZATIONS
from nnabla_compress.cli.data_options import taken
from nnabla_compress.cli.run_options import carry_out, run_options
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
    "-n",
    "--samples",
    type=click.IntRange(0),
    help="Samples of --data that errors are measured on [64]; 0: those of the weights count.",
)
@click.option(
    "--responses/--no-responses",
    default=True,
    help="Fit svd and channel to what layers respond to these samples, or to weights.",
)
@run_options
def command(file: Path, output: Optional[Path], resume: bool, **options: Any) -> None:
    """Factorizes FILE, an .nnp file: puts two or three smaller layers in the place of one.

    \b
    60 % of the operations, without data:
        nnabla-compress factorize net.nnp --method spatial --macs 60% -o out
    Ranks chosen where outputs change least, then trained:
        nnabla-compress factorize net.nnp -m spatial -m tucker --macs 60% \\
            --data data.npz --scale 1/255 --epochs 3 --distill -o out

    The new layers are ordinary ones: all other verbs take results.nnp. The run folder is that of
    'nnabla-compress run', with the recipe that these options stand for.
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.recipes.quick_factorize import FactorizationOptions, factorization_recipe

    factorization, data = taken(FactorizationOptions, options), taken(DataOptions, options)
    carry_out(factorization_recipe(file, factorization, data, export=options), output, resume)
