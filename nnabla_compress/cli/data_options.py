# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the options ``--data``, ``--scale``, ``--mean`` and ``--std`` stand for in a recipe."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Tuple

from nnabla_compress.cli.choices import SOURCES
from nnabla_compress.errors import ConfigError
from nnabla_compress.safe_names import file_name
from nnabla_compress.spelling import did_you_mean

if TYPE_CHECKING:
    from nnabla_compress.loading.inputs import OtherData
    from nnabla_compress.recipes import Recipe

LOSS_HELP = (
    "What the network learns, by NNabla's name, e.g. SquaredError or HuberLoss:delta=0.5 [the loss "
    "that the file's networks end in, else a classifier's]."
)
_VALIDATION = 0.1
_PYTHON = re.compile(r"(?:python:)?(?P<path>[^:,]+\.py|[A-Za-z_][\w.]*):(?P<function>[A-Za-z_]\w*)")


def preprocessing_part(
    scale: Optional[str] = None, mean: Optional[str] = None, std: Optional[str] = None
) -> Dict[str, Any]:
    """Returns the ``preprocessing`` part of a recipe for the options of that name.

    Args:
        scale: A number, or a fraction such as "1/255".
        mean: A number, or several with commas between.
        std: Likewise.

    Raises:
        ConfigError: If one is no number.

    Example:
        >>> preprocessing_part(scale="1/4", mean="0.5,1")
        {'scale': 0.25, 'mean': [0.5, 1.0]}
    """
    part: Dict[str, Any] = {} if scale is None else {"scale": number("--scale", scale)}
    for name, text in (("mean", mean), ("std", std)):
        if text is not None:
            numbers = [number(f"--{name}", word) for word in text.split(",")]
            part[name] = numbers if len(numbers) > 1 else numbers[0]
    return part


def data_part(text: str, training: bool, validation: Optional[float] = None) -> Dict[str, Any]:
    """Returns the ``data`` part of a recipe for what ``--data`` was given.

    Args:
        text: One ``.npz``, one to three ``.csv`` files (train, validation, test),
            ``FILE.py:FUNCTION`` or ``MODULE:FUNCTION``, or ``SOURCE[:PATH]``; options of the source
            may follow: ``FILE.npz,y=mask,y_scale=1/255``.
        training: Whether there is a training: a single ``.csv`` file, or a Python function that
            does not say its split, is then what to learn from, else what to score on.
        validation: Part of the training samples to hold out.

    Raises:
        ConfigError: If it is none of these.

    Example:
        >>> data_part("a.csv,b.csv", training=False)
        {'source': 'csv', 'train': 'a.csv', 'test': 'b.csv', 'validation': 0}
        >>> data_part("cifar10:images", training=True)
        {'source': 'cifar10', 'path': 'images', 'validation': 0.1}
        >>> data_part("a.npz,y=mask", training=True)
        {'source': 'npz', 'path': 'a.npz', 'y': 'mask', 'validation': 0}
    """
    files, options = _words(text)
    source, colon, path = files[0].partition(":")
    if colon and source == "csv":
        files[0] = path
    python = _PYTHON.fullmatch(files[0])
    part: Dict[str, Any]
    if all(name.lower().endswith(".csv") for name in files) and len(files) <= 3:
        alone = ("train",) if training else ("test",)
        splits = {1: alone, 2: ("train", "test"), 3: ("train", "validation_file", "test")}
        part = {"source": "csv", **dict(zip(splits[len(files)], files))}
    elif len(files) > 1:
        raise _unknown(text, source)
    elif python is not None and (source == "python" or source not in SOURCES):
        part = {"source": "python", **python.groupdict(), "split": "train" if training else "test"}
    elif source in SOURCES and source != "python":
        part = {"source": source, **({"path": path} if colon else {})}
    elif files[0].lower().endswith(".npz"):
        part = {"source": "npz", "path": files[0]}
    else:
        raise _unknown(text, source)
    if validation is None:
        brings_its_own = part["source"] == "npz" or "validation_file" in part
        validation = _VALIDATION if training and not brings_its_own else 0
    return {**part, **options, "validation": options.get("validation", validation)}


def described(
    file: Path,
    data: Optional[str] = None,
    recipe_data: Optional[Path] = None,
    scale: Optional[str] = None,
    mean: Optional[str] = None,
    std: Optional[str] = None,
    loss: Optional[str] = None,
    network: Optional[str] = None,
    seed: int = 0,
    training: bool = False,
) -> Tuple[Recipe, Path]:
    """Returns a recipe for a file as it is, and the data that options of the command line name.

    Args:
        file: The network.
        data: As of :func:`data_part`.
        recipe_data: A recipe that brings data and preprocessing, instead.
        scale: As of :func:`preprocessing_part`, like ``mean`` and ``std``.
        mean: Likewise.
        std: Likewise.
        loss: What the network learns, by NNabla's name.
        network: Which network of the file.
        seed: What samples are drawn with.
        training: Whether the training samples of the data are wanted.

    Returns:
        The recipe, without data if none are named, and the folder where its relative paths start.

    Raises:
        ConfigError: If options contradict each other or are out of range.
    """
    from nnabla_compress.recipes import Recipe

    content: Dict[str, Any] = {"name": file_name(file.stem), "seed": seed, "loss": loss}
    content["model"] = {"nnp": str(file), "network": network}
    preprocessing = preprocessing_part(scale, mean, std)
    if recipe_data is not None:
        if data is not None or preprocessing:
            raise ConfigError(
                "--recipe-data brings data and preprocessing with it.",
                help="leave --data, --scale, --mean and --std out, or --recipe-data",
            )
        other = Recipe.read(recipe_data).model_dump(mode="json")
        content.update(data=other["data"], preprocessing=other["preprocessing"])
        content["loss"] = loss if loss is not None else other["loss"]
        content["model"]["nnp"] = str(file.absolute())
        return Recipe.checked(content, "the options"), recipe_data.parent
    if preprocessing and data is None:
        raise ConfigError("--scale, --mean and --std are for data.", help="add --data")
    if data is not None:
        content["data"] = data_part(data, training=training, validation=0)
        content["preprocessing"] = preprocessing
    return Recipe.checked(content, "the options"), Path(".")


def data_of_run(run: Path, targets: Optional[str], **options: Any) -> Optional[OtherData]:
    """Returns the data that options name instead of a run's own, None if they name none.

    Args:
        run: The run folder.
        targets: Which kind of targets, as of :class:`~nnabla_compress.loading.inputs.OtherData`.
        options: As of :func:`described`.

    Raises:
        ConfigError: If options contradict each other, or say what a run says itself.
    """
    from nnabla_compress.loading.inputs import OtherData

    given = [key for key, value in options.items() if value not in (None, False)]
    if not given:
        return None
    for key in ("loss", "network"):
        if key in given:
            raise ConfigError(
                f"a run knows its {key}: --{key} is for files.", help=f"leave --{key} out"
            )
    if "data" not in given and "recipe_data" not in given:
        if given == ["training"]:
            return None
        raise ConfigError(
            f"--{next(key for key in given if key != 'training')} is for data that are given.",
            help="add --data, or leave it out: a run brings its own data and preprocessing",
        )
    recipe, folder = described(run, **{**options, "seed": options.get("seed") or 0})
    return OtherData(recipe, folder, targets)


def _unknown(text: str, source: str) -> ConfigError:
    return ConfigError(
        f"--data {text!r} is no .npz file, no .csv files, no Python function and no source of "
        "data.",
        help=f"{did_you_mean(source, SOURCES)}; a function is FILE.py:NAME; options follow as "
        ",y=mask",
    )


def _words(text: str) -> Tuple[List[str], Dict[str, Any]]:
    """Splits ``FILE,FILE,option=value,...`` into the files and the options."""
    from nnabla_compress.rules import typed

    first, *others = text.split(",")
    files: List[str] = [first]
    options: Dict[str, Any] = {}
    for word in others:
        name, equals, value = word.partition("=")
        if equals and name.strip().isidentifier():
            key = name.strip()
            options[key] = number(key, value) if key == "y_scale" else typed(value.strip())
        else:
            files.append(word)
    return files, options


def number(option: str, text: str) -> float:
    """Returns a number, which may be written as a fraction.

    Args:
        option: What messages call it.
        text: For instance "0.5" or "1/255".

    Raises:
        ConfigError: If it is none.
    """
    over, slash, under = text.partition("/")
    try:
        return float(over) / float(under) if slash else float(text)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{option} is {text!r}.", help="give a number, such as 1/255") from None
