# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes that prune a stored network in a few words, as ``nnabla-compress prune`` takes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from nnabla_compress.errors import ConfigError
from nnabla_compress.importances import importance_of
from nnabla_compress.recipes.quick import (
    Quick,
    conversion_of,
    distillation_of,
    pair_of,
    part_of,
    training_of,
)
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.recipes.recipe import Recipe
from nnabla_compress.rules import typed

_NO_DATA = DataOptions()
_OF_CHANNELS = ("filters", "macs", "parameters", "bytes")
_OF_WEIGHTS = ("sparsity", "nm")
Amounts = Union[str, float, Sequence[str]]


@dataclass(frozen=True)
class PruningOptions:
    """How much of a network goes, what is ranked by, and the training that it gets.

    These are the options of ``nnabla-compress prune``, by the same names; messages name them as the
    shell does. Give one of the first six.

    Args:
        filters: Part of the channels of each layer that is removed: "50%" or 0.5, or several such
            as "conv1*=0.25", of which the last that matches a layer holds.
        macs: Part of the operations that may be left, by removing channels: "50%" or 0.5.
        parameters: Part of the parameters that may be left, likewise.
        bytes: What the parameters may take as floats, likewise, such as "70kB".
        sparsity: Part of the weights that become zero, written like ``filters``.
        nm: Pattern of zeros, such as "2:4": two of every four input channels stay.
        importance: What is ranked by, such as "l1" or "taylor:samples=512".
        across: "layers", "network" or "savings": whether each layer loses the same part, or all are
            ranked as one, channels also by what they save; None: as the transform has it.
        layers: Patterns of names: layers that are pruned.
        residual: Whether channels that additions join may go, too.
        regrow: Whether single weights may come back in a training.
        rounds: In how many rounds channels are removed, a training behind each.
        gradual: Prunes single weights little by little in the training: options of the term
            ``gradual`` such as "every=100,end_at=0.75", an empty text for its own.
        convert: What NNabla's own quantizers become that no zeros took the place of: "lut",
            "uniform" or "affine"; None: they stay.
        statistics: Samples by which statistics of batch normalizations are estimated anew.
        reconstruct: Samples on which the layers behind removed channels are refitted.
        epochs: How long to train, in all rounds together, None: not at all; needs data.
        batch_size: Samples of an update; None: as a recipe has it, like all that follows.
        shares: Parts of a batch that are computed side by side.
        learning_rate: At the start.
        solver: A solver of ``nnabla.solvers``.
        weight_decay: L2 decay of the weights.
        distill: As of :class:`~nnabla_compress.recipes.quick.CompressionOptions`.

    Example:
        >>> PruningOptions(filters="50%").steps()[0]["prune_channels"]["filters"]
        0.5
    """

    filters: Amounts = ()
    macs: Union[None, str, float] = None
    parameters: Union[None, str, float] = None
    bytes: Union[None, str, float] = None
    sparsity: Amounts = ()
    nm: Optional[str] = None
    importance: str = "l1"
    across: Optional[str] = None
    layers: Union[str, Sequence[str]] = ()
    residual: bool = False
    regrow: bool = False
    rounds: int = 1
    gradual: Optional[str] = None
    convert: Optional[str] = None
    statistics: Optional[int] = None
    reconstruct: Optional[int] = None
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
        amount = self._amount()
        of_weights = amount in _OF_WEIGHTS
        self._refuse_others(of_weights)
        reason = importance_of(importance_entry(self.importance), "--importance").need_of_data()
        for option, why in (
            ("--importance", reason),
            (
                "--statistics",
                None if self.statistics is None else "statistics are those of samples",
            ),
            (
                "--reconstruct",
                None if self.reconstruct is None else "layers are refitted on samples",
            ),
            ("--epochs", None if self.epochs is None else "a training learns from it"),
        ):
            if why is not None and not has_data:
                raise ConfigError(
                    f"{option} needs data: {why}.",
                    help="add --data FILE.npz, or --recipe-data RECIPE",
                )
        training = training_of(self)
        terms = self._terms(bool(training))
        if training:
            training["epochs"] = training["epochs"] / self.rounds
        found: List[Dict[str, Any]] = []
        for number in range(self.rounds):
            found.append(self._weights(amount) if of_weights else self._channels(amount))
            if number == 0:
                found += conversion_of(self.convert)
            if self.statistics is not None:
                found.append({"statistics": self.statistics})
            if training:
                found.append({"train": {**training, "terms": terms}})
        return found

    def _amount(self) -> str:
        given = [
            name
            for name in (*_OF_CHANNELS, *_OF_WEIGHTS)
            if getattr(self, name) is not None and getattr(self, name) != ()
        ]
        if len(given) != 1:
            raise ConfigError(
                f"--{given[0]} and --{given[1]} both say how much goes."
                if given
                else "nothing is to be pruned.",
                help="give one of --filters 50%, --macs 0.5, --parameters 0.5, --bytes 70kB, "
                "--sparsity 0.8, --nm 2:4",
            )
        return given[0]

    def _refuse_others(self, of_weights: bool) -> None:
        """Refuses options of the other kind of pruning."""
        if self.rounds < 1:
            raise ConfigError(f"--rounds is {self.rounds}.", help="choose 1 or more")
        others = {
            "--residual": not of_weights or not self.residual,
            "--reconstruct": not of_weights or self.reconstruct is None,
            "--regrow": of_weights or not self.regrow,
            "--gradual": of_weights or self.gradual is None,
            "--rounds": not of_weights or self.rounds == 1,
        }
        for option, fits in others.items():
            if not fits:
                kind, other = ("single weights", "channels")[:: 1 if of_weights else -1]
                raise ConfigError(
                    f"{option} is for {other}, not for {kind}.",
                    help="use --gradual for several rounds"
                    if option == "--rounds"
                    else "leave it out",
                )
        if self.rounds > 1 and self.macs is None and self.parameters is None:
            raise ConfigError(
                "--rounds divides --macs or --parameters.", help="give one of these, or one round"
            )
        if self.rounds > 1 and self.epochs is None:
            raise ConfigError("--rounds needs a training behind each.", help="add --epochs")

    def _terms(self, trains: bool) -> List[Dict[str, Any]]:
        found: List[Dict[str, Any]] = []
        for option, given, why in (
            ("--gradual", self.gradual, "prunes in a training"),
            ("--distill", self.distill, "is for a training"),
        ):
            if given is not None and not trains:
                raise ConfigError(f"{option} {why}.", help="add --epochs")
        if self.gradual is not None:
            pairs = [pair_of("--gradual", text) for text in self.gradual.split(",") if text]
            found.append({"gradual": {name: typed(value) for name, value in pairs}})
        distill = distillation_of(self.distill)
        return found if distill is None else [*found, {"distill": distill}]

    def _common(self) -> Dict[str, Any]:
        found: Dict[str, Any] = {"importance": importance_entry(self.importance)}
        if self.across is not None:
            found["across"] = self.across
        if self.layers:
            found["layers"] = [self.layers] if isinstance(self.layers, str) else list(self.layers)
        return found

    def _channels(self, amount: str) -> Dict[str, Any]:
        value = getattr(self, amount)
        if amount == "filters":
            value = _fractions("--filters", value)
        elif amount != "bytes":
            value = part_of(f"--{amount}", value)
            if self.rounds > 1 and 0 < value < 1:
                value = value ** (1 / self.rounds)
        found = {amount: value, "residual": self.residual, **self._common()}
        if self.reconstruct is not None:
            found["reconstruct"] = self.reconstruct
        return {"prune_channels": found}

    def _weights(self, amount: str) -> Dict[str, Any]:
        said = (
            {"pattern": self.nm}
            if amount == "nm"
            else {"sparsity": _fractions("--sparsity", self.sparsity)}
        )
        return {"prune_weights": {**said, "regrow": self.regrow, **self._common()}}


def pruning_recipe(
    file: Union[str, Path],
    pruning: PruningOptions,
    data: DataOptions = _NO_DATA,
    export: Optional[Mapping[str, Any]] = None,
) -> Quick:
    """Returns the recipe that prunes a network, to be carried out by ``runs.Run``.

    Args:
        file: The network.
        pruning: What goes, and how the rest is trained.
        data: Its data, preprocessing and loss.
        export: The keys of a recipe's ``export``.

    Raises:
        ConfigError: If options are missing, contradict each other or are out of range.

    Example:
        >>> recipe, folder = pruning_recipe("net.nnp", PruningOptions(macs="60%", residual=True))
        >>> recipe.steps[0].transform.macs, recipe.steps[0].transform.residual
        (0.6, True)
    """
    steps = pruning.steps(data.given)
    content, folder = data.parts(file, pruning.epochs is not None, compressing=True)
    content.update(steps=steps, export=dict(export or {}))
    return Quick(Recipe.checked(content, "prune"), folder)


def importance_entry(text: str) -> Dict[str, Any]:
    """Returns what a recipe says of an importance.

    Args:
        text: As the shell has it, ``NAME[:OPTION=VALUE,...]``.

    Raises:
        ConfigError: If an option has no value.

    Example:
        >>> importance_entry("taylor:samples=512")
        {'taylor': {'samples': 512}}
    """
    name, _, rest = text.partition(":")
    pairs = [pair_of("--importance", each) for each in rest.split(",") if each]
    return {name.strip(): {option: typed(value) for option, value in pairs}}


def _fractions(option: str, given: Amounts) -> Union[float, Dict[str, float]]:
    texts = [given] if isinstance(given, (str, float, int)) else list(given)
    found: Dict[str, float] = {}
    for text in texts:
        pattern, equals, value = str(text).rpartition("=")
        found[pattern if equals else "*"] = part_of(option, value)
    return found["*"] if list(found) == ["*"] else found
