# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a recipe refers to, loaded: data, preprocessing, the network and its quantizers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress import data, models
from nnabla_compress.compression import folded, rewrite
from nnabla_compress.data import DataSet, Preprocessing, Split, evaluation_batches
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.graph import rebuild
from nnabla_compress.recipes import BudgetPart, CompressionPart, Recipe
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.trainer import Budget


@dataclass
class Inputs:
    """What a recipe refers to, loaded: data set, preprocessing and network.

    Args:
        splits: The data set; None where the recipe names none.
        preprocessing: From stored samples to network inputs.
        build: The float network, ``build(x, test)``.
        sample_shape: Shape of one sample of its input.
    """

    splits: Optional[DataSet]
    preprocessing: Preprocessing
    build: Build
    sample_shape: Tuple[int, ...]

    @property
    def data(self) -> DataSet:
        """The data set.

        Raises:
            DataError: If the recipe names none.
        """
        if self.splits is None:
            raise DataError("the recipe names no data.", help="add data:, or --data")
        return self.splits

    @property
    def shape(self) -> Tuple[int, ...]:
        """Shape of a batch of one sample."""
        return (1, *self.sample_shape)

    @property
    def test(self) -> Optional[Split]:
        """What scores are of: the test samples, else the validation samples; None without data.

        Raises:
            DataError: If the data set has neither.
        """
        if self.splits is None:
            return None
        return self.splits.split("test" if self.splits.test is not None else "validation")

    def check(self) -> None:
        """Refuses data that nothing can be scored on, before anything is trained."""
        _ = self.test

    def sample_batch(self, size: int) -> np.ndarray:
        """Returns a batch of network inputs, training samples if there are any.

        Args:
            size: Most samples of the batch.
        """
        split = self.data.train or self.data.validation or self.data.test
        assert split is not None  # a data set has one at least
        return next(iter(evaluation_batches(split, min(size, len(split)), self.preprocessing))).x

    def fold(self) -> None:
        """Makes the float network one without batch normalizations, from now on.

        The parameters of the current scope become those of the folded network.
        """
        x = nn.Variable(self.shape)
        (output,) = folded([self.build(x, True)])
        self.build = lambda new, test: rebuild([output], inputs={x: new})[0]


def load_data(recipe: Recipe, folder: Path) -> DataSet:
    """Loads the data set of a recipe.

    Args:
        recipe: The recipe.
        folder: Where relative paths start.

    Raises:
        DataError: If the recipe names none, or it is missing or damaged.
    """
    if recipe.data is None:
        raise DataError(f"recipe {recipe.name} names no data.", help="add data:")
    options = dict(recipe.data.model_extra or {})
    return data.load(
        recipe.data.source,
        folder=folder,
        validation=recipe.data.validation,
        seed=recipe.seed,
        **options,
    )


def load_inputs(recipe: Recipe, folder: Path) -> Inputs:
    """Loads what a recipe refers to.

    Args:
        recipe: The recipe.
        folder: Where relative paths start.

    Raises:
        CompressError: If anything is missing or damaged.
    """
    preprocessing = preprocessing_of(recipe)
    if recipe.data is not None:
        splits = load_data(recipe, folder)
        build = _network(recipe, folder, splits.n_classes)
        return Inputs(splits, preprocessing, build, splits.sample_shape)
    file = models.NnpFile(recipe.model.nnp or "", folder)
    shapes = file.input_shapes(recipe.model.network)
    if len(shapes) != 1:
        raise ConfigError(
            f"network {file.choose(recipe.model.network)!r} of {file.path} has {len(shapes)} "
            f"inputs: {', '.join(shapes)}.",
            help=f"choose a network with one input; the file has {', '.join(file.names)}",
        )
    shape = next(iter(shapes.values()))
    return Inputs(None, preprocessing, _network(recipe, folder, n_classes=0), shape)


def preprocessing_of(recipe: Recipe) -> Preprocessing:
    """Returns the preprocessing of a recipe."""
    part = recipe.preprocessing
    channels = [tuple(v) if isinstance(v, list) else v for v in (part.mean, part.std)]
    return Preprocessing(part.scale, *channels)


def _network(recipe: Recipe, folder: Path, n_classes: int) -> Build:
    part = recipe.model
    if part.nnp is not None:
        file = models.NnpFile(part.nnp, folder)
        return lambda x, test: file(x, test, part.network)
    if part.python is not None:
        return models.PythonModel(part.python, n_classes, folder)
    name = part.name
    assert name is not None
    return lambda x, test: models.build(name, x, n_classes, test, **part.options)


def compressed(build: Build, part: CompressionPart) -> Build:
    """Returns the network with the quantizers that the rules of a recipe choose.

    Args:
        build: The float network; to fold before, it is folded already.
        part: The recipe's ``compression``.
    """
    if part.fold == "before":
        part = part.model_copy(update={"fold": "after"})
    return lambda x, test: rewrite([build(x, test)], part)[0]


def budget_of(part: Optional[BudgetPart]) -> Optional[Budget]:
    """Returns what makes the budget of a graph, None for no budget.

    Args:
        part: The recipe's ``budget``.
    """
    if part is None:
        return None
    return lambda outputs: MemoryBudget(outputs, **part.model_dump())
