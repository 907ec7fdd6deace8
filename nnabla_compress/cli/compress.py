# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""``nnabla-compress compress``: an .nnp file that exists, by rules on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, Optional, Sequence, Tuple

import click

from nnabla_compress.cli.data_options import LOSS_HELP, data_part, preprocessing_part
from nnabla_compress.cli.export_options import export_options
from nnabla_compress.cli.verb import PATH, Verb
from nnabla_compress.errors import ConfigError
from nnabla_compress.safe_names import file_name

if TYPE_CHECKING:
    from nnabla_compress.recipes import Recipe


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
    "--rules",
    type=PATH,
    metavar="FILE",
    help="Rules that 'assign-bits' wrote; --weights and --activations come after them.",
)
@click.option("-o", "--output", type=PATH, help="Run folder [runs/<FILE>].")
@click.option("--network", help="Which network of the file.")
@click.option(
    "-d",
    "--data",
    metavar="DATA",
    help="FILE.npz; train.csv,test.csv; FILE.py:FUNCTION; or a source such as digits or "
    "cifar10:PATH. Options of the source follow, e.g. FILE.npz,y=mask,y_scale=1/255.",
)
@click.option(
    "--recipe-data",
    type=PATH,
    metavar="RECIPE",
    help="Take data, preprocessing and augmentation from a recipe.",
)
@click.option(
    "--validation",
    type=click.FloatRange(0, 1, max_open=True),
    help="Part of the training samples that the best epoch is chosen by [0.1 with --epochs, "
    "0 for .npz files].",
)
@click.option("--scale", metavar="NUMBER", help="(x * scale - mean) / std; may be 1/255.")
@click.option("--mean", metavar="NUMBERS", help="One number, or one a channel: 0.5,0.4,0.4.")
@click.option("--std", metavar="NUMBERS", help="Likewise.")
@click.option("--loss", metavar="LOSS", help=LOSS_HELP)
@click.option("-e", "--epochs", type=click.FloatRange(0), help="Fine-tune so long; needs data.")
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
    from nnabla_compress.runs import Run

    recipe, folder = recipe_of(file, **options)
    target = output or Path("runs") / recipe.name
    if resume:
        note_beginning(target)
    run = Run(recipe, target, folder, resume)
    results = run.execute(progress.announce, messages.print)
    print_results(results, target)


def recipe_of(
    file: Path,
    weights: Sequence[str] = (),
    activations: Sequence[str] = (),
    rules: Optional[Path] = None,
    network: Optional[str] = None,
    data: Optional[str] = None,
    recipe_data: Optional[Path] = None,
    validation: Optional[float] = None,
    scale: Optional[str] = None,
    mean: Optional[str] = None,
    std: Optional[str] = None,
    loss: Optional[str] = None,
    epochs: Optional[float] = None,
    batch_size: Optional[int] = None,
    learning_rate: Optional[float] = None,
    solver: Optional[str] = None,
    weight_decay: Optional[float] = None,
    budget: Sequence[str] = (),
    distill: Optional[str] = None,
    fold: str = "after",
    freeze_after: Optional[int] = None,
    seed: int = 0,
    **export: Any,
) -> Tuple[Recipe, Path]:
    """Returns the recipe that the options of the command line stand for.

    All keywords are options of the verb; ``export`` are the keys of a recipe's ``export``.

    Returns:
        The recipe, and the folder where its relative paths start.

    Raises:
        ConfigError: If options are missing, contradict each other or are out of range.
    """
    from nnabla_compress.recipes import Recipe
    from nnabla_compress.rule_files import read_rules
    from nnabla_compress.rules import typed

    if rules is not None:
        found = read_rules(rules)
        weights = [*found["weights"], *weights]
        activations = [*found["activations"], *activations]
    if not weights and not activations:
        raise ConfigError(
            "nothing is to be compressed.",
            help="add for instance --weights lut:bits=4, or --rules FILE of 'assign-bits'",
        )
    has_data = data is not None or recipe_data is not None
    for option, given in (("--activations", bool(activations)), ("--epochs", epochs is not None)):
        if given and not has_data:
            why = (
                "learns from it" if option == "--epochs" else "takes the ranges from a batch of it"
            )
            raise ConfigError(
                f"{option} needs data: it {why}.",
                help="add --data FILE.npz, or --recipe-data RECIPE",
            )
    training = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "solver": solver,
        "weight_decay": weight_decay,
    }
    training = {key: value for key, value in training.items() if value is not None}
    if training and epochs is None:
        raise ConfigError(
            f"--{next(iter(training)).replace('_', '-')} is for a training.", help="add --epochs"
        )
    compression: Dict[str, Any] = {"weights": list(weights), "activations": list(activations)}
    compression.update(fold=fold, freeze_after=freeze_after)
    if training:
        compression["training"] = training
    if budget:
        compression["budget"] = dict(_pair("--budget", text) for text in budget)
    if distill is not None:
        pairs = [_pair("--distill", text) for text in distill.split(",") if text]
        compression["distill"] = {name: typed(value) for name, value in pairs}
    content: Dict[str, Any] = {
        "name": file_name(file.stem),
        "seed": seed,
        "compression": compression,
    }
    content["model"] = {"nnp": str(file), "network": network}
    content["export"] = export
    preprocessing = preprocessing_part(scale, mean, std)
    if recipe_data is not None:
        if data is not None or preprocessing or validation is not None:
            raise ConfigError(
                "--recipe-data brings data, validation and preprocessing with it.",
                help="leave --data, --validation, --scale, --mean and --std out, or --recipe-data",
            )
        other = Recipe.read(recipe_data).model_dump(mode="json")
        brought = ("data", "preprocessing", "augmentation", "loss")
        content.update((key, other[key]) for key in brought)
        content["loss"] = loss if loss is not None else content["loss"]
        content["model"]["nnp"] = str(file.absolute())
        return Recipe.checked(content, "compress"), recipe_data.parent
    if preprocessing and data is None:
        raise ConfigError("--scale, --mean and --std are for data.", help="add --data")
    content["loss"] = loss
    if data is not None:
        content["data"] = data_part(data, bool(training), validation)
        content["preprocessing"] = preprocessing
    return Recipe.checked(content, "compress"), Path(".")


def _pair(option: str, text: str) -> Tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(
            f"{option} {text!r} has no value.",
            help="write --budget weights=70kB, or --distill temperature=4,weight=0.9",
        )
    return name.strip(), value.strip()
