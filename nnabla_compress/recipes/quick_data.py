# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Data, preprocessing and loss in a few words, and the parts of a recipe that they stand for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

from nnabla_compress.data import SOURCES
from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.recipe import Recipe
from nnabla_compress.rules import typed
from nnabla_compress.safe_names import file_name
from nnabla_compress.spelling import did_you_mean

Numbers = Union[str, float, Sequence[float]]

_VALIDATION = 0.1
_PYTHON = re.compile(r"(?:python:)?(?P<path>[^:,]+\.py|[A-Za-z_][\w.]*):(?P<function>[A-Za-z_]\w*)")


@dataclass(frozen=True)
class DataOptions:
    """Which data a network gets, how they are prepared, and what is learned of them.

    These are the options of the verbs, by the same names; messages name them as the shell does.

    Args:
        data: As of :func:`data_part`.
        recipe_data: A recipe file that brings data and preprocessing, instead.
        validation: Part of the training samples that the best epoch is chosen by; None: 0.1 where
            there is a training, but 0 for ``.npz`` files.
        scale: As of :func:`preprocessing_part`, like ``mean`` and ``std``.
        mean: Likewise.
        std: Likewise.
        loss: What the network learns, by NNabla's name, such as "HuberLoss:delta=0.5"; None: the
            loss that the file's networks end in, else a classifier's.
        network: Which network of the file.
        seed: What samples are drawn with.

    Example:
        >>> DataOptions("digits").given, DataOptions().given
        (True, False)
    """

    data: Optional[str] = None
    recipe_data: Union[None, str, Path] = None
    validation: Optional[float] = None
    scale: Union[None, str, float] = None
    mean: Optional[Numbers] = None
    std: Optional[Numbers] = None
    loss: Optional[str] = None
    network: Optional[str] = None
    seed: int = 0

    @property
    def given(self) -> bool:
        """Whether they name any data."""
        return self.data is not None or self.recipe_data is not None

    def parts(
        self, file: Union[str, Path], training: bool = False, compressing: bool = False
    ) -> Tuple[Dict[str, Any], Path]:
        """Returns the parts of a recipe for a file and these data: all but what is done with them.

        Args:
            file: The network.
            training: Whether the training samples of the data are wanted.
            compressing: Whether the recipe is one that may train: it then takes the augmentation
                of ``recipe_data``, too, and holds samples out for validation.

        Returns:
            Keys and values, and the folder where relative paths in them start.

        Raises:
            ConfigError: If options contradict each other, or can't be read.
        """
        file = Path(file)
        content: Dict[str, Any] = {"name": file_name(file.stem), "seed": self.seed}
        content.update(model={"nnp": str(file), "network": self.network}, loss=self.loss)
        preprocessing = preprocessing_part(self.scale, self.mean, self.std)
        if self.recipe_data is not None:
            if self.data is not None or preprocessing or self.validation is not None:
                more, option = (", validation", "--validation, ") if compressing else ("", "")
                raise ConfigError(
                    f"--recipe-data brings data{more} and preprocessing with it.",
                    help=f"leave --data, {option}--scale, --mean and --std out, or --recipe-data",
                )
            other = Recipe.read(self.recipe_data).model_dump(mode="json")
            brought = ("data", "preprocessing", *(("augmentation",) if compressing else ()))
            content.update((key, other[key]) for key in brought)
            content["loss"] = self.loss if self.loss is not None else other["loss"]
            content["model"]["nnp"] = str(file.absolute())
            return content, Path(self.recipe_data).parent
        if preprocessing and self.data is None:
            raise ConfigError("--scale, --mean and --std are for data.", help="add --data")
        if self.data is not None:
            none_held_out = 0 if self.validation is None and not compressing else self.validation
            content["data"] = data_part(self.data, training, none_held_out)
            content["preprocessing"] = preprocessing
        return content, Path(".")


def preprocessing_part(
    scale: Union[None, str, float] = None,
    mean: Optional[Numbers] = None,
    std: Optional[Numbers] = None,
) -> Dict[str, Any]:
    """Returns the ``preprocessing`` part of a recipe: ``(x * scale - mean) / std``.

    Args:
        scale: A number, or a text such as "1/255".
        mean: A number or several, one a channel, or a text of these with commas between.
        std: Likewise.

    Raises:
        ConfigError: If one is no number.

    Example:
        >>> preprocessing_part(scale="1/4", mean="0.5,1")
        {'scale': 0.25, 'mean': [0.5, 1.0]}
        >>> preprocessing_part(mean=[0.5, 1], std=2)
        {'mean': [0.5, 1.0], 'std': 2.0}
    """
    part: Dict[str, Any] = {} if scale is None else {"scale": number("--scale", scale)}
    for name, given in (("mean", mean), ("std", std)):
        if given is not None:
            words: Sequence[Union[str, float]]
            words = given.split(",") if isinstance(given, str) else _several(given)
            numbers = [number(f"--{name}", word) for word in words]
            part[name] = numbers if len(numbers) > 1 else numbers[0]
    return part


def _several(given: Union[float, Sequence[float]]) -> Sequence[float]:
    return [given] if isinstance(given, (int, float)) else given


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
        raise _no_files(files, text, source)
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


def _no_files(files: Sequence[str], text: str, source: str) -> ConfigError:
    """What is wrong with several files, or with a comma that none separates."""
    if Path(text).exists():
        return ConfigError(
            f"the name of --data {text!r} holds a comma, which separates files.",
            help="call it otherwise, or name it in a recipe: --recipe-data",
        )
    if all(name.lower().endswith(".csv") for name in files):
        return ConfigError(
            f"--data names {len(files)} .csv files, the most are 3.",
            help="training, validation and test samples, in this order; or training and test ones",
        )
    return _unknown(text, source)


def _unknown(text: str, source: str) -> ConfigError:
    if text and Path(text).is_dir():
        return ConfigError(
            f"--data {text!r} is a folder.",
            help="name the files in it: train.csv,test.csv or data.npz; a data set of a folder has "
            "its source before it: cifar10:FOLDER",
        )
    return ConfigError(
        f"--data {text!r} is no .npz file, no .csv files, no Python function and no source of "
        "data.",
        help=f"{did_you_mean(source, list(SOURCES))}; a function is FILE.py:NAME; options follow "
        "as ,y=mask",
    )


def _words(text: str) -> Tuple[List[str], Dict[str, Any]]:
    """Splits ``FILE,FILE,option=value,...`` into the files and the options."""
    first, *others = (word.strip() for word in text.split(","))
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


def number(option: str, given: Union[str, float]) -> float:
    """Returns a number, which may be written as a fraction.

    Args:
        option: What messages call it.
        given: For instance 0.5, "0.5" or "1/255".

    Raises:
        ConfigError: If it is none.
    """
    over, slash, under = str(given).partition("/")
    try:
        return float(over) / float(under) if slash else float(over)
    except (ValueError, ZeroDivisionError):
        raise ConfigError(f"{option} is {given!r}.", help="give a number, such as 1/255") from None
