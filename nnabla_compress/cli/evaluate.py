# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress evaluate``: how well a run or an .nnp file does on data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

import click

from nnabla_compress.cli.data_options import (
    data_of_run,
    data_options,
    loss_option,
    network_option,
    taken,
)
from nnabla_compress.cli.verb import PATH, Verb, answer
from nnabla_compress.errors import ConfigError

if TYPE_CHECKING:
    from nnabla_compress.anytime import Anytime
    from nnabla_compress.training import Score


@click.command("evaluate", cls=Verb)
@click.argument("target", type=PATH)
@click.option(
    "-r",
    "--recipe",
    type=PATH,
    help="Recipe whose data and preprocessing to use; a run folder brings its own.",
)
@data_options("As for 'compress', e.g. FILE.npz or digits [a run's own].", None)
@loss_option()
@network_option
@click.option(
    "-s",
    "--split",
    type=click.Choice(["train", "validation", "test"]),
    default="test",
    show_default=True,
    help="Which samples.",
)
@click.option("-b", "--batch-size", type=click.IntRange(1), default=100, show_default=True)
@click.option(
    "--anytime",
    is_flag=True,
    help="Of a network with exits: accuracy over operations, of each exit by itself and of samples "
    "that leave at the first confident one.",
)
@click.option(
    "--budget",
    metavar="OPERATIONS",
    help="Of a network with exits: thresholds for a mean of so many operations a sample, such as "
    "2000000 or '50%' of all; found on validation samples.",
)
@click.option("--plot", type=PATH, help="With --anytime or --budget: draw the curves, a PNG file.")
@click.option("--trust", is_flag=True, help="With a run folder: run the Python code that it names.")
def command(
    target: Path,
    recipe: Optional[Path],
    split: str,
    batch_size: int,
    anytime: bool,
    budget: Optional[str],
    plot: Optional[Path],
    trust: bool,
    **options: Any,
) -> None:
    """Prints the loss and what else is measured of TARGET: a run folder, a stored network, an .nnb.

    An .nnb runs in the simulator of the C runtime: its accuracy is that of the device.

    \b
        nnabla-compress evaluate out
        nnabla-compress evaluate out/results.nnp --data data.npz --scale 1/255
        nnabla-compress evaluate out/results.nnb --data data.npz --scale 1/255
        nnabla-compress evaluate network.nnp --recipe RECIPE.yaml
        nnabla-compress evaluate out --budget 50% --plot curve.png
    """  # noqa: D301 - click takes the character \b for "leave these lines as they are"
    from nnabla_compress.anytime import anytime_of_network, anytime_of_run
    from nnabla_compress.cli.engine import console, messages
    from nnabla_compress.memory import imports_stay
    from nnabla_compress.models import holds_network
    from nnabla_compress.recipes import Recipe
    from nnabla_compress.recipes.quick import network_recipe
    from nnabla_compress.recipes.quick_data import DataOptions
    from nnabla_compress.runs import evaluate_network, evaluate_run
    from nnabla_compress.runs.finished import stored_in
    from nnabla_compress.runs.nnb_network import evaluate_nnb
    from nnabla_compress.runs.results import score_as_dict

    imports_stay()
    if not target.exists():
        raise ConfigError(
            f"there is no {target}.", help="give a run folder, a stored network or an .nnb"
        )
    target = stored_in(target)
    by_exits = anytime or budget is not None
    if plot is not None and not by_exits:
        raise ConfigError("--plot draws the curves of --anytime.", help="add --anytime")
    if by_exits and target.suffix == ".nnb":
        raise ConfigError(
            f"{target} does not say what its exits take.",
            help="give the run folder or the .nnp that it was made of; evaluate scores its last "
            "exit without --anytime and --budget",
        )
    given = [f"--{name}" for name, value in options.items() if value is not None]
    if target.is_dir() and not holds_network(target):
        training = split == "train"
        other = data_of_run(target, None, recipe_data=recipe, training=training, **options)
        if by_exits:
            found = anytime_of_run(target, split, batch_size, trust, other, budget)
            print_anytime(found, plot, target.name)
            return
        score = evaluate_run(target, split, batch_size, trust, other)
    else:
        if recipe is not None and given:
            raise ConfigError(
                f"--recipe brings what {given[0]} says with it.", help="give one of the two"
            )
        if recipe is None and options["data"] is None:
            raise ConfigError(
                f"{target} does not say which data it is for.",
                help="add --data DATA, or --recipe RECIPE.yaml whose data and preprocessing fit",
            )
        if recipe is not None:
            described_as, folder = Recipe.read(recipe), recipe.parent
        else:
            data = taken(DataOptions, options)
            described_as, folder = network_recipe(target, data, training=split == "train")
        if by_exits:
            found = anytime_of_network(target, described_as, folder, split, batch_size, budget)
            print_anytime(found, plot, target.stem)
            return
        if target.suffix == ".nnb":
            score = evaluate_nnb(target, described_as, folder, split)
            messages.print("in the simulator of the C runtime")
        else:
            score = evaluate_network(target, described_as, folder, split, batch_size)
    reference = target.with_suffix(".reference.nnp")
    if not target.is_dir() and reference.is_file():
        messages.print(
            f"NOTE: NNabla computes {target.name} from other numbers than the C runtime: "
            f"{reference.name} beside it has the scores of the device."
        )
    answer({"split": split, **score_as_dict(score)})
    console.print(f"{split}: {text_of(score)}  ({score.samples} samples)")
    if score.exit_accuracies:
        from nnabla_compress.report.result_tables import exits_line

        console.print(exits_line(score.exit_accuracies))
    for doubt in score.doubts:
        messages.print(f"WARNING: {doubt}.")


def print_anytime(found: Anytime, plot_to: Optional[Path], name: str) -> None:
    """Prints what the exits of a network are worth, and draws it.

    Args:
        found: What was measured.
        plot_to: The PNG file; None: no picture.
        name: What the network is called.
    """
    from nnabla_compress.anytime.pictures import plot
    from nnabla_compress.anytime.tables import budget_lines, budget_table, exit_table
    from nnabla_compress.cli.engine import console, messages

    answer(found.as_dict())
    console.print(exit_table(found))
    table = budget_table(found)
    if table is None:
        messages.print(
            "NOTE: without validation samples there are no thresholds: the data holds none out."
        )
    else:
        console.print(table)
    for line in budget_lines(found):
        console.print(line)
    if plot_to is not None:
        plot(found, plot_to, name)
        console.print(f"drawn in {plot_to}")


def text_of(score: Score) -> str:
    """Returns the measures of a score in words.

    Example:
        >>> from nnabla_compress.training import Score
        >>> text_of(Score(0.25, None, 8, {"mean squared error": 0.25}))
        'mean squared error 0.25  loss 0.25'
        >>> text_of(Score(0.5, 0.75, 8, loss_name="SoftmaxCrossEntropy"))
        'accuracy 75.00 %  error 25.00 %  loss 0.5000 (SoftmaxCrossEntropy)'
    """
    loss = f" ({score.loss_name})" if score.loss_name else ""
    if score.accuracy is not None and score.error is not None:
        right, wrong = 100 * score.accuracy, 100 * score.error
        words = [f"{score.accuracy_name} {right:.2f} %", f"error {wrong:.2f} %"]
        return "  ".join([*words, f"loss {score.loss:.4f}{loss}"])
    words = [f"{name} {value:.4g}" for name, value in score.metrics.items()]
    return "  ".join([*words, f"loss {score.loss:.4g}{loss}"])
