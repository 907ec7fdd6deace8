# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes for a stored network in a few words, as the verbs take them on the command line."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Sequence, Tuple, Union

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.quick_data import DataOptions
from nnabla_compress.recipes.recipe import Recipe
from nnabla_compress.rule_files import read_rules
from nnabla_compress.rules import typed

_NO_DATA = DataOptions()
# What options of names and values look like.
_PAIRS = {
    "--budget": "--budget weights=70kB",
    "--distill": "--distill temperature=4,weight=0.9",
    "--gradual": "--gradual every=100,end_at=0.75",
    "--importance": "--importance taylor:samples=512",
}


class Quick(NamedTuple):
    """A recipe that no file holds.

    Args:
        recipe: The recipe.
        folder: Where its relative paths start.
    """

    recipe: Recipe
    folder: Path


@dataclass(frozen=True)
class CompressionOptions:
    """What a network is compressed to, and the training that it gets.

    These are the options of ``nnabla-compress compress``, by the same names; messages name them as
    the shell does.

    Args:
        weights: Rules such as "lut:bits=4" or "fc*=lut:bits=8", of which the last one that matches
            a layer holds.
        activations: Rules such as "uniform:bits=8"; they need data.
        maps: What these are for: "activations", or all maps that a device has "stored".
        rules: A file that 'assign-bits' wrote; ``weights`` and ``activations`` come after it.
        convert: What NNabla's own quantizers become that no rule is for: "lut", "uniform" or
            "affine"; None: they stay.
        epochs: How long to train, None: not at all; needs data.
        batch_size: Samples of an update; None: as a recipe has it, like all that follows.
        shares: Parts of a batch that are computed side by side.
        learning_rate: At the start.
        solver: A solver of ``nnabla.solvers``.
        weight_decay: L2 decay of the weights.
        budget: Sizes such as ``{"weights": "70kB"}``, or texts such as "weights=70kB".
        distill: What is learned of the float network's outputs, such as ``{"temperature": 4}`` or
            "temperature=4,weight=0.9"; an empty one stands for a recipe's values, None for nothing.
        fold: When batch normalizations are folded: "after" the compression, "before" it, or in its
            "training".
        shrink: Whether channels that are zero or never read are taken out first.
        freeze_after: Updates until their running statistics are frozen.

    Example:
        >>> CompressionOptions(weights="lut:bits=4", epochs=2).part()["training"]
        {'epochs': 2}
    """

    weights: Union[str, Sequence[str]] = ()
    activations: Union[str, Sequence[str]] = ()
    maps: str = "activations"
    rules: Union[None, str, Path] = None
    convert: Optional[str] = None
    epochs: Optional[float] = None
    batch_size: Optional[int] = None
    shares: Optional[int] = None
    learning_rate: Optional[float] = None
    solver: Optional[str] = None
    weight_decay: Optional[float] = None
    budget: Union[Mapping[str, Any], Sequence[str]] = ()
    distill: Union[None, str, Mapping[str, Any]] = None
    fold: str = "after"
    shrink: bool = False
    freeze_after: Optional[int] = None

    @property
    def only_shrinks(self) -> bool:
        """Whether nothing is quantized."""
        quantized = self.weights or self.activations or self.rules or self.convert
        return self.shrink and not quantized

    def steps(self) -> List[Any]:
        """Returns the ``steps`` of a recipe where nothing is quantized.

        Raises:
            ConfigError: If there are options for what is quantized.
        """
        kept = ("shrink", "maps")
        changed = [
            field.name
            for field in fields(self)
            if field.name not in kept and getattr(self, field.name) != field.default
        ]
        if changed:
            raise ConfigError(
                f"--{changed[0].replace('_', '-')} is for what is quantized, and --shrink alone "
                "quantizes nothing.",
                help="add --weights, or write steps: [shrink, {train: {epochs: 1}}] in a recipe "
                "for 'run'",
            )
        return ["shrink"]

    def part(self, has_data: bool = True) -> Dict[str, Any]:
        """Returns the ``compression`` of a recipe.

        Args:
            has_data: Whether there are data.

        Raises:
            ConfigError: If options are missing or contradict each other.
        """
        weights, activations = _texts(self.weights), _texts(self.activations)
        if self.rules is not None:
            found = read_rules(self.rules)
            weights = [*found["weights"], *weights]
            activations = [*found["activations"], *activations]
        if not weights and not activations and self.convert is None:
            raise ConfigError(
                "nothing is to be compressed.",
                help="add for instance --weights lut:bits=4, --rules FILE of 'assign-bits', "
                "--convert lut for NNabla's own quantizers, or --shrink",
            )
        for option, given, why in (
            ("--activations", bool(activations), "takes the ranges from a batch of it"),
            ("--epochs", self.epochs is not None, "learns from it"),
        ):
            if given and not has_data:
                raise ConfigError(
                    f"{option} needs data: it {why}.",
                    help="add --data FILE.npz, or --recipe-data RECIPE",
                )
        training = training_of(self)
        part: Dict[str, Any] = {"weights": weights, "activations": activations, "maps": self.maps}
        part.update(convert=self.convert, shrink=self.shrink)
        part.update(fold=self.fold, freeze_after=self.freeze_after)
        if training:
            part["training"] = training
        if self.budget:
            part["budget"] = (
                dict(self.budget)
                if isinstance(self.budget, Mapping)
                else dict(pair_of("--budget", text) for text in self.budget)
            )
        distill = distillation_of(self.distill)
        if distill is not None:
            part["distill"] = distill
        return part


def network_recipe(
    file: Union[str, Path],
    data: DataOptions = _NO_DATA,
    training: bool = False,
    export: Optional[Mapping[str, Any]] = None,
) -> Quick:
    """Returns the recipe of a network as it is, with its data.

    It is what ``sensitivity.measure``, ``run_ptq``, ``evaluate_network``, ``verify_on_data`` and
    ``export_file`` take.

    Args:
        file: The network.
        data: Its data, preprocessing and loss.
        training: Whether the training samples of the data are wanted, where the data don't say.
        export: The keys of a recipe's ``export``.

    Raises:
        ConfigError: If options contradict each other or are out of range.

    Example:
        >>> recipe, folder = network_recipe("net.nnp", DataOptions("digits", scale="1/16"))
        >>> recipe.data.source, recipe.compression is None
        ('digits', True)
    """
    content, folder = data.parts(file, training)
    return Quick(Recipe.checked({**content, "export": dict(export or {})}, "the options"), folder)


def compression_recipe(
    file: Union[str, Path],
    compression: CompressionOptions,
    data: DataOptions = _NO_DATA,
    export: Optional[Mapping[str, Any]] = None,
) -> Quick:
    """Returns the recipe that compresses a network, to be carried out by ``runs.Run``.

    Args:
        file: The network.
        compression: What is compressed and how it is trained.
        data: Its data, preprocessing and loss.
        export: The keys of a recipe's ``export``.

    Raises:
        ConfigError: If options are missing, contradict each other or are out of range.

    Example:
        >>> four_bits = CompressionOptions(weights="lut:bits=4")
        >>> recipe, folder = compression_recipe("net.nnp", four_bits, export={"target": "int8"})
        >>> recipe.compression.weights[0].make().bits, recipe.export.target
        (4, 'int8')
    """
    part: Dict[str, Any] = {} if compression.only_shrinks else compression.part(data.given)
    content, folder = data.parts(file, bool(part.get("training")), compressing=True)
    if compression.only_shrinks:
        content["steps"] = compression.steps()
    else:
        content["compression"] = part
    content["export"] = dict(export or {})
    return Quick(Recipe.checked(content, "compress"), folder)


def training_of(options: Any) -> Dict[str, Any]:
    """Returns the settings of a training that options say, nothing where there is none.

    Args:
        options: Has ``epochs``, ``batch_size``, ``shares``, ``learning_rate``, ``solver`` and
            ``weight_decay``, None where nothing is said.

    Raises:
        ConfigError: If there are settings, but no epochs.
    """
    keys = ("epochs", "batch_size", "shares", "learning_rate", "solver", "weight_decay")
    found = {key: getattr(options, key) for key in keys if getattr(options, key) is not None}
    if found and options.epochs is None:
        raise ConfigError(
            f"--{next(iter(found)).replace('_', '-')} is for a training.", help="add --epochs"
        )
    return found


def conversion_of(to: Optional[str]) -> List[Dict[str, Any]]:
    """Returns the steps that convert NNabla's own quantizers, none where they stay.

    Args:
        to: What they become.
    """
    return [] if to is None else [{"convert": to}]


def distillation_of(given: Union[None, str, Mapping[str, Any]]) -> Optional[Dict[str, Any]]:
    """Returns the options of the term ``distill``, None where nothing is learned so.

    Args:
        given: Text such as "temperature=4,weight=0.9", or keys and values.

    Raises:
        ConfigError: If the text is none.
    """
    if isinstance(given, str):
        pairs = [pair_of("--distill", text) for text in given.split(",") if text]
        return {name: typed(value) for name, value in pairs}
    return None if given is None else dict(given)


def _texts(given: Union[str, Sequence[str]]) -> List[str]:
    return [given] if isinstance(given, str) else list(given)


def pair_of(option: str, text: str) -> Tuple[str, str]:
    """Returns name and value of what an option says.

    Args:
        option: The option.
        text: What it says, ``NAME=VALUE``.

    Raises:
        ConfigError: If there is no value.
    """
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigError(
            f"{option} {text!r} has no value.", help=f"write for instance {_PAIRS[option]}"
        )
    return name.strip(), value.strip()


def part_of(option: str, given: Union[str, float]) -> float:
    """Returns a part of something as a number.

    Args:
        option: The option that says it.
        given: Such as "50%" or 0.5.

    Raises:
        ConfigError: If it is none.
    """
    text = str(given).strip()
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ConfigError(
            f"{option} is {text!r}, not a part of something.", help="write 50% or 0.5"
        ) from None
