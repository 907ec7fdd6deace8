# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A run's parameters: kept apart from the caller's, and read from files."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Mapping

import nnabla as nn
import nnabla.parameter

from nnabla_compress.data import resolve_path
from nnabla_compress.errors import CompressError, DataError
from nnabla_compress.logs import quiet
from nnabla_compress.models.layer_names import same_layers
from nnabla_compress.models.nnp_archive import check_parameters
from nnabla_compress.quantizers.base import registered
from nnabla_compress.quantizers.given import GivenQuantizer
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

    Weights and biases of a layer that quantizes them, such as ``PF.inq_convolution``, are taken
    from a plain layer of its name, and the other way round. What such layers have fixed or counted
    starts anew from the weights that are read, unless the file has it.

    Args:
        path: An ``.h5`` or ``.protobuf`` file.

    Raises:
        DataError: If the file is missing or damaged, asks for more than its size allows, or has
            weights of another shape.

    Example:
        >>> import tempfile, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), name="c1")
        >>> file = Path(tempfile.mkdtemp()) / "float.h5"
        >>> nn.save_parameters(str(file))
        >>> nn.clear_parameters()
        >>> y = PF.inq_convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), name="c1")
        >>> load_parameters(file)
        >>> sorted(nn.get_parameters())
        ['c1/inq_conv/W', 'c1/inq_conv/b']
    """
    wanted = nn.get_parameters(grad_only=False)
    try:
        check_parameters(path)
        with quiet():
            with nn.parameter_scope("", OrderedDict()):
                nn.load_parameters(str(path))
                given = nn.get_parameters(grad_only=False)
            nn.load_parameters(str(path))
        _hand_over(given, wanted, path)
    except CompressError:
        raise
    except Exception as error:  # h5py and NNabla raise whatever a damaged file leads them to
        raise DataError(
            f"can't read the parameters {path}: {error}.",
            help="the file is damaged or another kind",
        ) from error


def _hand_over(
    given: Mapping[str, nn.Variable], wanted: Mapping[str, nn.Variable], path: Path
) -> None:
    """Gives layers of other kinds their weights, and lets state that followed others start anew."""
    pairs = same_layers(given, wanted)
    for own, source in pairs.items():
        shapes = tuple(wanted[own].shape), tuple(given[source].shape)
        if shapes[0] != shapes[1]:
            raise DataError(
                f"{own} of the network has the shape {shapes[0]}, {source} of {path} {shapes[1]}.",
                help="give parameters of the same layers, or call the layers otherwise",
            )
        wanted[own].d = given[source].d
        if source not in wanted:
            nn.parameter.pop_parameter(source)
    states = [
        name
        for quantizer in registered().values()
        if issubclass(quantizer, GivenQuantizer)
        for name in quantizer.state_names
    ]
    for own in (own for own in wanted if own in pairs or own in given):
        scope = own.rpartition("/")[0]
        for state in (f"{scope}/{name}" for name in states):
            if state in wanted and state not in given:
                nn.parameter.pop_parameter(state)
