# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Data sources by name; adding one is adding a file and its line here."""

from __future__ import annotations

import difflib
import inspect
from pathlib import Path
from typing import Any, Callable, Dict, List, Union

from nnabla_compress.data.cifar10 import cifar10
from nnabla_compress.data.digits import digits
from nnabla_compress.data.mnist import mnist
from nnabla_compress.data.nnabla_csv import nnabla_csv
from nnabla_compress.data.npz import npz
from nnabla_compress.data.splits import DataSet, hold_out
from nnabla_compress.errors import ConfigError

SOURCES: Dict[str, Callable[..., DataSet]] = {
    "cifar10": cifar10,
    "csv": nnabla_csv,
    "digits": digits,
    "mnist": mnist,
    "npz": npz,
}


def load(
    source: str,
    *,
    folder: Union[str, Path, None] = None,
    validation: Union[int, float] = 0,
    seed: int = 0,
    **options: Any,
) -> DataSet:
    """Loads a data set by the name of its source.

    Args:
        source: A key of ``SOURCES``.
        folder: Where relative paths start, usually the recipe's folder.
        validation: Fraction (float) or number (int) of training samples to hold out.
        seed: Seed of the hold-out.
        options: Keyword arguments of the source, such as ``path``.

    Returns:
        The data set.

    Raises:
        ConfigError: If the source or an option is unknown or missing.
        DataError: If the data is missing, damaged or does not fit.

    Example:
        >>> load("digits", validation=0.1).split("train").x.shape
        (1294, 1, 8, 8)
    """
    if source not in SOURCES:
        raise ConfigError(
            f"unknown data source {source!r}.", help=_suggest(source, sorted(SOURCES))
        )
    function = SOURCES[source]
    parameters = inspect.signature(function).parameters
    known = [name for name in parameters if name != "folder"]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"data source {source} has no option {option!r}.", help=_suggest(option, known)
            )
    for name in known:
        if parameters[name].default is inspect.Parameter.empty and name not in options:
            raise ConfigError(f"data source {source} needs {name!r}.", help=f"add {name}: ...")
    if "folder" in parameters:
        options["folder"] = folder
    return hold_out(function(**options), validation, seed)


def _suggest(name: str, known: List[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    listed = ", ".join(known) if known else "none"
    return f"did you mean {near[0]!r}? known are: {listed}" if near else f"known are: {listed}"
