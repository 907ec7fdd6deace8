# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network from a file that another one learns from, on the same inputs."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

import nnabla as nn

from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.loading.model import network_of
from nnabla_compress.recipes import ModelPart, Recipe
from nnabla_compress.training.evaluate import Build, Made

Shapes = Mapping[str, Tuple[int, ...]]


def stored_teacher(file: str, recipe: Recipe, folder: Path, shapes: Shapes) -> Build:
    """Returns the network of a file, ``build(x, test)``, its parameters in a scope of its own.

    Its output is what the recipe's loss acts on, as that of the recipe's network is.

    Args:
        file: An ``.nnp`` file.
        recipe: Says the loss.
        folder: Where relative paths start.
        shapes: Shape of one sample of each input of the network that learns, by name.

    Raises:
        ConfigError: If the file is missing or damaged, or the network has other inputs.
    """
    try:
        model = network_of(recipe.model_copy(update={"model": ModelPart(nnp=file)}), folder)
    except CompressError as error:
        raise ConfigError(f"no teacher: {error.message}", help=error.help) from error
    own = model.wanted.shapes or {}
    if [*own.values()] != [*shapes.values()] or (len(own) > 1 and list(own) != list(shapes)):
        raise ConfigError(
            f"the teacher {file} takes {_listed(own)}, the network {_listed(shapes)}.",
            help="choose a teacher of the same inputs, in the same order",
        )
    scope: Dict[str, Any] = OrderedDict()
    make = model.make(None)

    def build(x: Any, test: bool) -> Made:
        with nn.parameter_scope("", scope):
            return make(x, test)

    return build


def _listed(shapes: Shapes) -> str:
    return ", ".join(f"{name} of shape {tuple(shape)}" for name, shape in shapes.items())
