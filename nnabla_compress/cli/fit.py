# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress fit``: a network made to fit a device's flash and RAM."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Sequence

import click

from nnabla_compress.cli.choices import TARGETS
from nnabla_compress.cli.data_options import data_options, loss_option, network_option, taken
from nnabla_compress.cli.verb import PATH, Verb


@click.command("fit", cls=Verb)
@click.argument("file", type=PATH)
@data_options(
    "Samples to fit to and to judge on; as for 'compress', e.g. FILE.npz or cifar10:PATH.",
    "Take data, preprocessing and augmentation from a recipe.",
)
@click.option("--flash", required=True, metavar="SIZE", help="Room for .nnb and C kernels: 256kB.")
@click.option("--ram", required=True, metavar="SIZE", help="Room for the runtime's buffers: 64kB.")
@click.option(
    "--accuracy-drop",
    type=float,
    default=1.0,
    show_default=True,
    help="Most points of accuracy that may be lost on held-out samples.",
)
@click.option("--time", default="30min", show_default=True, help="How long it may take.")
@click.option(
    "-t",
    "--target",
    multiple=True,
    type=click.Choice(TARGETS),
    help="What it may be exported for, once or more often [all].",
)
@click.option(
    "--validation",
    type=click.FloatRange(0, 1, max_open=True),
    help="Part of the training samples to judge on [a fifth, 2,000 at most].",
)
@loss_option()
@network_option
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("-o", "--output", type=PATH, help="Folder [runs/<FILE>-fit].")
@click.option("--resume", is_flag=True, help="Go on with the fit that the folder holds.")
@click.option("--json", "as_json", is_flag=True, help="Print fit.json instead of tables.")
def command(
    file: Path,
    flash: str,
    ram: str,
    accuracy_drop: float,
    time: str,
    target: Sequence[str],
    seed: int,
    output: Optional[Path],
    resume: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Makes FILE, a trained .nnp, fit a device; says what it tries and why.

    \b
    Flash, RAM and accuracy of a microcontroller:
        nnabla-compress fit net.nnp --data data.npz --scale 1/255 --flash 256kB --ram 64kB -o out

    Cheap measures come first: the network as it is in the integers of a target, fewer bits, bits by
    sensitivity, channels and ranks by sensitivity, a short training, fewer channels with a
    training. Each attempt is a run folder; out/fit.json tells them all. The exit
    status is 0 if one fits, else 1.
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.cli.engine import console, messages, progress
    from nnabla_compress.files import json_text
    from nnabla_compress.fitting import Limits, fit, parse_time
    from nnabla_compress.fitting.tables import attempt_table, closing_lines
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.safe_names import file_name

    data = replace(taken(DataOptions, options), seed=seed)
    limits, folder = Limits.of(flash, ram, accuracy_drop), output
    folder = output or Path("runs") / f"{file_name(file.stem)}-fit"
    found = fit(
        file,
        data,
        limits,
        folder,
        parse_time(time),
        target,
        resume,
        messages.print,
        progress.announce,
    )
    if as_json:
        click.echo(json_text(found.as_dict()))
    else:
        console.print(attempt_table(found))
        for line in closing_lines(found, folder):
            console.print(line, soft_wrap=True, highlight=False)
    if not found.fits:
        sys.exit(1)
