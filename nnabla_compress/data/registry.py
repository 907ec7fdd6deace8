# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Data sources by name; adding one is adding a file and its line here."""

from __future__ import annotations

import inspect
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Union

import numpy as np

from nnabla_compress.data.cifar10 import cifar10
from nnabla_compress.data.digits import digits
from nnabla_compress.data.first_marker import first_marker
from nnabla_compress.data.graph import graph
from nnabla_compress.data.mnist import mnist
from nnabla_compress.data.nnabla_csv import nnabla_csv
from nnabla_compress.data.npz import npz
from nnabla_compress.data.python_source import python_source
from nnabla_compress.data.splits import DataSet, Split, hold_out
from nnabla_compress.data.two_classes import two_classes
from nnabla_compress.data.wanted import Wanted, as_numbers
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.spelling import did_you_mean

SOURCES: Dict[str, Callable[..., DataSet]] = {
    "cifar10": cifar10,
    "csv": nnabla_csv,
    "digits": digits,
    "first_marker": first_marker,
    "graph": graph,
    "mnist": mnist,
    "npz": npz,
    "python": python_source,
    "two_classes": two_classes,
}
"""The sources of data by their names."""


def load(
    source: str,
    *,
    folder: Union[str, Path, None] = None,
    validation: Union[int, float] = 0,
    seed: int = 0,
    wanted: Optional[Wanted] = None,
    y_scale: Optional[float] = None,
    **options: Any,
) -> DataSet:
    """Loads a data set by the name of its source.

    Args:
        source: A key of ``SOURCES``.
        folder: Where relative paths start, usually the recipe's folder.
        validation: Fraction (float) or number (int) of training samples to hold out.
        seed: Seed of the hold-out.
        wanted: What the network wants of it; one input and class indices by default.
        y_scale: Factor of targets that are numbers, such as 1/255 for 8-bit masks.
        options: Keyword arguments of the source, such as ``path``.

    Returns:
        The data set.

    Raises:
        ConfigError: If the source or an option is unknown or missing.
        DataError: If the data is missing, damaged or does not fit.

    Example:
        >>> load("digits", validation=0.1).split("train").x.shape
        (1294, 1, 8, 8)
        >>> load("digits", y="x", wanted=Wanted(targets="numbers")).split("test").y.shape
        (359, 1, 8, 8)
    """
    if source not in SOURCES:
        raise ConfigError(
            f"unknown data source {source!r}.", help=did_you_mean(source, sorted(SOURCES))
        )
    function = SOURCES[source]
    wanted = wanted or Wanted()
    parameters = inspect.signature(function).parameters
    known = [name for name in parameters if name not in ("folder", "wanted")]
    # A source whose targets are always labels can still be learned to be given back.
    itself = "y" not in known and options.get("y") == "x"
    if itself:
        del options["y"]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"data source {source} has no option {option!r}.", help=did_you_mean(option, known)
            )
    for name in known:
        if parameters[name].default is inspect.Parameter.empty and name not in options:
            on_line = f", on the command line --data {source}:FOLDER" if name == "path" else ""
            raise ConfigError(
                f"data source {source} needs {name!r}: it does not say where the data is.",
                help=f"in a recipe add {name}: FOLDER{on_line}; see nnabla_compress.data.{source} "
                "for the files",
            )
    for name, value in (("folder", folder), ("wanted", wanted)):
        if name in parameters:
            options[name] = value
    data = function(**options)
    if itself:
        data = data.change(lambda split: replace(split, y=split.x.astype(np.float32)))
    if wanted.targets == "numbers":
        data = data.change(
            lambda split: replace(split, y=as_numbers(split.y)) if split.has_classes else split
        )
    data = hold_out(_named(data, wanted), validation, seed)
    return data if y_scale is None else data.change(lambda split: _scaled(split, y_scale))


def _named(data: DataSet, wanted: Wanted) -> DataSet:
    """Calls the input of a source that knows one only as the network does."""
    if len(wanted.inputs) > 1:
        lacking = [n for s in data.splits.values() for n in wanted.inputs if n not in s.arrays]
        if lacking:
            raise DataError(
                f"{data.name} has no data for the input {lacking[0]!r} of the network.",
                help="networks with several inputs take npz, csv and python sources",
            )
        return data
    return data.change(lambda split: replace(split, name=next(iter(wanted.inputs))))


def _scaled(split: Split, y_scale: Any) -> Split:
    if isinstance(y_scale, bool) or not isinstance(y_scale, (int, float)) or not 0 < y_scale < 1e38:
        raise ConfigError(f"data: y_scale is {y_scale!r}.", help="give a positive number")
    if split.has_classes:
        raise ConfigError(
            "data: y_scale is for targets that are numbers, these are class indices.",
            help="leave it out, or choose a loss such as SquaredError",
        )
    return replace(split, y=split.y * np.float32(y_scale))
