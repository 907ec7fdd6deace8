# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The options of every verb that takes data, and what of the library they are for."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Dict, Optional, Type, TypeVar

import click

from nnabla_compress.cli.verb import PATH
from nnabla_compress.errors import ConfigError

if TYPE_CHECKING:
    from nnabla_compress.loading.inputs import OtherData

_Options = TypeVar("_Options")
_Command = Callable[..., Any]

network_option = click.option("--network", help="Which network of the file.")


def loss_option(when: str = "") -> Callable[[_Command], _Command]:
    """Returns the decorator that gives a verb ``--loss``.

    Args:
        when: Sentence about when it counts, with a blank behind it.
    """
    return click.option(
        "--loss",
        metavar="LOSS",
        help=f"{when}What the network learns, by NNabla's name, e.g. SquaredError or "
        "HuberLoss:delta=0.5 [the loss that the file's networks end in, else a classifier's].",
    )


def data_options(
    about_data: str, about_recipe: Optional[str] = "Take data and preprocessing from a recipe."
) -> Callable[[_Command], _Command]:
    """Returns the decorator that gives a verb data and their preprocessing.

    Args:
        about_data: The help of ``--data``.
        about_recipe: That of ``--recipe-data``; None leaves it out.
    """
    options = [
        click.option("-d", "--data", metavar="DATA", help=about_data),
        click.option("--recipe-data", type=PATH, metavar="RECIPE", help=about_recipe),
        click.option("--scale", metavar="NUMBER", help="(x * scale - mean) / std; may be 1/255."),
        click.option(
            "--mean", metavar="NUMBERS", help="One number, or one a channel: 0.5,0.4,0.4."
        ),
        click.option("--std", metavar="NUMBERS", help="Likewise."),
    ]
    if about_recipe is None:
        del options[1]

    def decorate(command: _Command) -> _Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def taken(kind: Type[_Options], options: Dict[str, Any]) -> _Options:
    """Takes what a class of options knows out of the options of a verb.

    Args:
        kind: Its class, a dataclass.
        options: Values by name, None where the shell did not say; the others stay.

    Returns:
        The options, with the defaults of the class.

    Example:
        >>> from nnabla_compress.recipes.quick_data import DataOptions
        >>> options = {"data": "digits", "seed": None, "nnb": False}
        >>> taken(DataOptions, options).seed, options
        (0, {'nnb': False})
    """
    names = [field.name for field in fields(kind) if field.name in options]  # type: ignore[arg-type]
    given = {name: options.pop(name) for name in names}
    return kind(**{name: value for name, value in given.items() if value is not None})


def data_of_run(
    run: Path, targets: Optional[str], training: bool = False, **options: Any
) -> Optional[OtherData]:
    """Returns the data that options name instead of a run's own, None if they name none.

    Args:
        run: The run folder.
        targets: Which kind of targets, as of :class:`~nnabla_compress.loading.inputs.OtherData`.
        training: Whether the training samples of the data are wanted.
        options: As of :class:`~nnabla_compress.recipes.quick_data.DataOptions`.

    Raises:
        ConfigError: If options contradict each other, or say what a run says itself.
    """
    from nnabla_compress.loading.inputs import OtherData
    from nnabla_compress.recipes.quick import network_recipe
    from nnabla_compress.recipes.quick_data import DataOptions

    given = [key for key, value in options.items() if value is not None]
    for key in ("loss", "network"):
        if key in given:
            raise ConfigError(
                f"a run knows its {key}: --{key} is for files.", help=f"leave --{key} out"
            )
    if not given:
        return None
    data = taken(DataOptions, dict(options))
    if not data.given:
        raise ConfigError(
            f"--{given[0]} is for data that are given.",
            help="add --data, or leave it out: a run brings its own data and preprocessing",
        )
    return OtherData(*network_recipe(run, data, training), targets)
