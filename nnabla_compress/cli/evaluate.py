# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress evaluate``: the accuracy of a run or of an .nnp file."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

import click

from nnabla_compress.cli.engine import console
from nnabla_compress.errors import ConfigError
from nnabla_compress.runs import evaluate_file, evaluate_run


@click.command("evaluate")
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "-r",
    "--recipe",
    type=click.Path(path_type=Path),
    help="Recipe whose data and preprocessing to use; a run folder brings its own.",
)
@click.option(
    "-s",
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Which samples.",
)
@click.option("-b", "--batch-size", type=click.IntRange(1), default=100, show_default=True)
def command(target: Path, recipe: Optional[Path], split: str, batch_size: int) -> None:
    """Prints loss and accuracy of TARGET, a run folder or an .nnp file."""
    if target.is_dir():
        if recipe is not None:
            raise ConfigError(
                "--recipe goes with an .nnp file; a run folder brings its own.", help="leave it out"
            )
        score = evaluate_run(target, split, batch_size)
    elif recipe is None:
        raise ConfigError(
            f"{target} does not say which data it is for.",
            help="add --recipe RECIPE.yaml, whose data and preprocessing fit the network",
        )
    else:
        score = evaluate_file(target, recipe, split, batch_size)
    console.print(
        f"{split}: accuracy {100 * score.accuracy:.2f} %  error {100 * score.error:.2f} %  "
        f"loss {score.loss:.4f}  ({score.samples} samples)"
    )
