# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress compress``: an .nnp file that exists, by rules on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import click

from nnabla_compress.cli.choices import MAPS
from nnabla_compress.cli.data_options import taken
from nnabla_compress.cli.run_options import carry_out, run_options
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
    "--budget",
    multiple=True,
    metavar="WHAT=SIZE",
    help="weights=70kB, activations=90kB or activations_max=8kB; needs --epochs.",
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
@run_options
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
    from nnabla_compress.recipes.quick import CompressionOptions, compression_recipe
    from nnabla_compress.recipes.quick_data import DataOptions

    compression, data = taken(CompressionOptions, options), taken(DataOptions, options)
    carry_out(compression_recipe(file, compression, data, export=options), output, resume)
