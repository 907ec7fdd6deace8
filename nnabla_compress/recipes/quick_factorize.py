# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes that factorize a stored network in a few words, as the verb ``factorize`` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.quick import (
    Quick,
    conversion_of,
    distillation_of,
    part_of,
    training_of,
)
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.recipes.recipe import Recipe
from nnabla_compress.rules import typed

_NO_DATA = DataOptions()
_RULES = ("energy", "ratio", "macs", "parameters")


@dataclass(frozen=True)
class FactorizationOptions:
    """How the layers of a network become smaller ones, and the training that it gets.

    These are the options of ``nnabla-compress factorize``, by the same names; messages name them as
    the shell does. Give one of ``ranks``, ``energy``, ``ratio`` and ``evbmf``, or budgets.

    Args:
        method: Methods such as "tucker" or "spatial"; of several the best for each layer.
        layers: Patterns of names: layers that are factorized.
        ranks: Ranks such as "16", "conv2*=16" or "conv2*=8,16" for inputs and outputs.
        energy: Part of the weights' energy that is kept: "90%" or 0.9.
        ratio: Part of its operations that each layer may have.
        evbmf: What ranks by variational Bayes are multiplied by.
        macs: Part of the operations, or their number, that may be left.
        parameters: Likewise parameters.
        bytes: What the parameters may take as floats, such as "70kB".
        convert: What NNabla's own quantizers, whose layers stay as they are, become: "lut",
            "uniform" or "affine".
        samples: Samples that errors are measured on; None: as the transform has it.
        responses: Whether layers are fitted to what they respond to samples.
        epochs: How long to train, None: not at all; needs data.
        batch_size: Samples of an update; None: as a recipe has it, like all that follows.
        shares: Parts of a batch that are computed side by side.
        learning_rate: At the start.
        solver: A solver of ``nnabla.solvers``.
        weight_decay: L2 decay of the weights.
        distill: As of :class:`~nnabla_compress.recipes.quick.CompressionOptions`.

    Example:
        >>> FactorizationOptions(method=["tucker"], macs="60%").steps()
        [{'factorize': {'method': ['tucker'], 'macs': 0.6}}]
    """

    method: Union[str, Sequence[str]] = ()
    layers: Union[str, Sequence[str]] = ()
    ranks: Union[str, Sequence[str]] = ()
    energy: Union[None, str, float] = None
    ratio: Union[None, str, float] = None
    evbmf: Optional[float] = None
    macs: Union[None, str, float] = None
    parameters: Union[None, str, float] = None
    bytes: Union[None, str, float] = None
    convert: Optional[str] = None
    samples: Optional[int] = None
    responses: bool = True
    epochs: Optional[float] = None
    batch_size: Optional[int] = None
    shares: Optional[int] = None
    learning_rate: Optional[float] = None
    solver: Optional[str] = None
    weight_decay: Optional[float] = None
    distill: Union[None, str, Mapping[str, Any]] = None

    def steps(self, has_data: bool = True) -> List[Dict[str, Any]]:
        """Returns the ``steps`` of a recipe.

        Args:
            has_data: Whether there are data.

        Raises:
            ConfigError: If options are missing or contradict each other.
        """
        training = training_of(self)
        if training and not has_data:
            raise ConfigError(
                "--epochs needs data: a training learns from it.",
                help="add --data FILE.npz, or --recipe-data RECIPE",
            )
        distill = distillation_of(self.distill)
        if distill is not None and not training:
            raise ConfigError("--distill is for a training.", help="add --epochs")
        found = [{"factorize": self._factorize()}, *conversion_of(self.convert)]
        if training:
            terms = [] if distill is None else [{"distill": distill}]
            found.append({"train": {**training, "terms": terms}})
        return found

    def _factorize(self) -> Dict[str, Any]:
        said: Dict[str, Any] = {}
        for name, given in (("method", self.method), ("layers", self.layers)):
            if given:
                said[name] = [given] if isinstance(given, str) else list(given)
        if self.ranks:
            said["ranks"] = _ranks([self.ranks] if isinstance(self.ranks, str) else self.ranks)
        for name in _RULES:
            if getattr(self, name) is not None:
                said[name] = part_of(f"--{name}", getattr(self, name))
        if self.evbmf is not None:
            said.update(evbmf=True, rank_factor=self.evbmf)
        if self.bytes is not None:
            said["bytes"] = self.bytes
        if self.samples is not None:
            said["samples"] = self.samples
        if not self.responses:
            said["responses"] = False
        return said


def factorization_recipe(
    file: Union[str, Path],
    factorization: FactorizationOptions,
    data: DataOptions = _NO_DATA,
    export: Optional[Mapping[str, Any]] = None,
) -> Quick:
    """Returns the recipe that factorizes a network, to be carried out by ``runs.Run``.

    Args:
        file: The network.
        factorization: Methods and ranks, and how the network is trained then.
        data: Its data, preprocessing and loss.
        export: The keys of a recipe's ``export``.

    Raises:
        ConfigError: If options are missing, contradict each other or are out of range.

    Example:
        >>> options = FactorizationOptions(ranks=["*=4", "fc*=2"])
        >>> recipe, folder = factorization_recipe("net.nnp", options)
        >>> recipe.steps[0].transform.ranks
        {'fc*': 2, '*': 4}
    """
    steps = factorization.steps(data.given)
    content, folder = data.parts(file, factorization.epochs is not None, compressing=True)
    content.update(steps=steps, export=dict(export or {}))
    return Quick(Recipe.checked(content, "factorize"), folder)


def _ranks(texts: Sequence[str]) -> Dict[str, Any]:
    """Ranks by pattern, the last one first: as elsewhere the last that matches a layer holds."""
    found: Dict[str, Any] = {}
    for text in reversed(texts):
        pattern, _, given = str(text).rpartition("=")
        ranks = [typed(word) for word in given.split(",")]
        if not all(isinstance(rank, int) for rank in ranks):
            raise ConfigError(
                f"--ranks {text!r} has no whole numbers.", help="write 16, conv2*=16 or conv2*=8,16"
            )
        found.setdefault(pattern or "*", ranks[0] if len(ranks) == 1 else ranks)
    return found
