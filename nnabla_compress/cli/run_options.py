# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The options of every verb that makes a run of a stored network, and how it is carried out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

import click

from nnabla_compress.cli.choices import CONVERSIONS
from nnabla_compress.cli.data_options import data_options, loss_option, network_option
from nnabla_compress.cli.export_options import export_options, score_option
from nnabla_compress.cli.verb import PATH

if TYPE_CHECKING:
    from nnabla_compress.recipes.quick import Quick

_OPTIONS = (
    click.option("-o", "--output", type=PATH, help="Run folder [runs/<FILE>]."),
    network_option,
    click.option(
        "--convert",
        type=click.Choice(CONVERSIONS),
        help="Turn NNabla's own quantizers that are left into these, with the same values.",
    ),
    data_options(
        "FILE.npz; train.csv,test.csv; FILE.py:FUNCTION; or a source such as digits or "
        "cifar10:PATH. Options of the source follow, e.g. FILE.npz,y=mask,y_scale=1/255.",
        "Take data, preprocessing and augmentation from a recipe.",
    ),
    click.option(
        "--validation",
        type=click.FloatRange(0, 1, max_open=True),
        help="Part of the training samples that the best epoch is chosen by [0.1 with --epochs, "
        "0 for .npz files].",
    ),
    loss_option(),
    click.option(
        "-e", "--epochs", type=click.FloatRange(0), help="Fine-tune so long; needs --data."
    ),
    click.option("-b", "--batch-size", type=click.IntRange(1), help="Samples of an update [64]."),
    click.option(
        "--shares",
        type=click.IntRange(1),
        help="Parts of each batch that are computed side by side, where there are cores [1].",
    ),
    click.option("-l", "--learning-rate", type=float, help="At the start [0.01]."),
    click.option("--solver", help="A solver of nnabla.solvers [Momentum]."),
    click.option("--weight-decay", type=float, help="L2 decay of the weights [0]."),
    click.option(
        "--distill",
        is_flag=False,
        flag_value="",
        metavar="[temperature=4,weight=0.9]",
        help="Learn the given network's outputs, too; with weight=1 data need no labels.",
    ),
    click.option("--seed", type=click.IntRange(0), default=0, show_default=True),
    export_options,
    score_option,
    click.option("--resume", is_flag=True, help="Go on with the run that the folder holds."),
)


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator that gives a verb the options of a run: folder, data, training and export.

    Args:
        command: The function of the verb.
    """
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def carry_out(made: Quick, output: Optional[Path], resume: bool) -> None:
    """Carries a recipe out and prints what it came to.

    Args:
        made: The recipe, and where its relative paths start.
        output: The run folder; None for the default one.
        resume: Whether to go on with the run that it holds.
    """
    from nnabla_compress.cli.engine import messages, progress
    from nnabla_compress.cli.results import note_beginning, print_results
    from nnabla_compress.memory import imports_stay
    from nnabla_compress.runs import Run

    imports_stay()
    recipe, folder = made
    target = output or Path("runs") / recipe.name
    if resume:
        note_beginning(target)
    run = Run(recipe, target, folder, resume)
    print_results(run.execute(progress.announce, messages.print), target)
