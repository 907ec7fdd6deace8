# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A run's parameters: kept apart from the caller's, and read from files."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import nnabla as nn
import nnabla.parameter

from nnabla_compress.data import resolve_path
from nnabla_compress.errors import CompressError, DataError
from nnabla_compress.logs import quiet
from nnabla_compress.models.nnp_archive import check_parameters
from nnabla_compress.recipes import Recipe
from nnabla_compress.turns import exclusive, one_at_a_time


@contextmanager
def own_parameters() -> Iterator[None]:
    """Gives a run a parameter scope and a generator of its own; the caller's stay as they are."""
    with exclusive(), nn.parameter_scope("", OrderedDict()):
        generator = nn.random.prng, nn.random.pseed
        try:
            yield
        finally:
            nn.random.prng, nn.random.pseed = generator


def load_given(recipe: Recipe, folder: Path) -> None:
    """Reads the parameters that a recipe gives its network into the current scope, if it does.

    Args:
        recipe: The recipe.
        folder: Where its relative paths start.

    Raises:
        CompressError: As of :func:`load_parameters`.
    """
    given = recipe.model.parameters
    if given is not None:
        load_parameters(resolve_path(given, folder, "parameters"))


@one_at_a_time
def load_parameters(path: Path) -> None:
    """Reads a parameter file into the current scope.

    Args:
        path: An ``.h5`` or ``.protobuf`` file.

    Raises:
        DataError: If the file is missing or damaged, or asks for more than its size allows.
    """
    try:
        check_parameters(path)
        with quiet():
            nn.load_parameters(str(path))
    except CompressError:
        raise
    except Exception as error:  # h5py and NNabla raise whatever a damaged file leads them to
        raise DataError(
            f"can't read the parameters {path}: {error}.",
            help="the file is damaged or another kind",
        ) from error
