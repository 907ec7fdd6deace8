# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes: the YAML description of one compression run, checked key by key.

A recipe that names an unknown key, an unknown choice or a number out of range is refused with the
place, what was given and the nearest name. :data:`EXAMPLE` is a complete recipe.
"""

from __future__ import annotations

import difflib
import inspect
from dataclasses import fields, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple, Type, Union

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

import nnabla_compress.quantizers as Q
from nnabla_compress import data, models
from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.quantizers.learned import LearnedQuantizer
from nnabla_compress.regularizers import parse_size
from nnabla_compress.training import TrainingSettings

EXAMPLE = """\
name: lenet-lutq-4bit            # also the name of the run folder
seed: 1
model: {name: lenet}             # or {python: "file.py:function"}, or {nnp: network.nnp}
data: {source: digits, validation: 0.1}
preprocessing: {scale: 1.0}      # (x * scale - mean) / std
float_training:                  # left out: the network is trained already
  epochs: 20
  learning_rate: 0.05
  solver_options: {momentum: 0.9}
compression:
  weights:                       # the last rule that matches a layer holds
    - {layers: "*", quantizer: lut, bits: 4, dictionary: pow2}
  training: {epochs: 10, learning_rate: 0.005}
export: {target: portable, nnb: true}
"""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelPart(_Part):
    """Which network: one of ``name``, ``python`` and ``nnp``."""

    name: Optional[str] = None
    python: Optional[str] = None
    nnp: Optional[str] = None
    network: Optional[str] = None
    parameters: Optional[str] = None
    options: Dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_kind(self) -> ModelPart:
        given = [key for key in ("name", "python", "nnp") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ConfigError(
                f"model: give one of name, python and nnp, got {', '.join(given) or 'none'}.",
                help="for instance model: {name: lenet}",
            )
        if self.network is not None and self.nnp is None:
            raise ConfigError("model: network: names a network of an nnp: file.", help="add nnp:")
        if self.name is not None:
            models.check_options(self.name, self.options)
        return self


class DataPart(BaseModel):
    """Which data set; further keys are options of the source, such as ``path``."""

    model_config = ConfigDict(extra="allow", frozen=True)

    source: str
    validation: Union[int, float] = 0

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        if source not in data.SOURCES:
            raise ConfigError(
                f"data: unknown source {source!r}.", help=_nearest(source, list(data.SOURCES))
            )
        return source


class PreprocessingPart(_Part):
    """``(x * scale - mean) / std``, numbers or one number a channel."""

    scale: float = 1.0
    mean: Union[float, List[float]] = 0.0
    std: Union[float, List[float]] = 1.0


class AugmentationPart(BaseModel):
    """Random change of training samples; further keys are its options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str


class TrainingPart(_Part):
    """See :class:`nnabla_compress.training.TrainingSettings`."""

    epochs: float
    batch_size: int = 64
    solver: str = "Momentum"
    solver_options: Dict[str, Any] = Field(default_factory=dict)
    learning_rate: float = 0.01
    schedule: str = "cosine"
    decay: float = 0.1
    steps: Tuple[float, ...] = ()
    warmup_epochs: float = 0.0
    weight_decay: float = 0.0
    k_means_steps: int = 1
    checkpoint_interval: int = 500

    @model_validator(mode="after")
    def _in_range(self) -> TrainingPart:
        self.settings()
        return self

    def settings(self) -> TrainingSettings:
        """Returns the checked settings."""
        return TrainingSettings(**self.model_dump())


class QuantizerRule(BaseModel):
    """Layers or activations by name pattern, and their quantizer; further keys are its options.

    ``bias`` says whether the biases of the layers are quantized, too; by default only those of
    quantizers that learn step and range are.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    layers: Union[str, List[str]] = "*"
    quantizer: str
    bias: Optional[bool] = None

    @model_validator(mode="after")
    def _known(self) -> QuantizerRule:
        self.make()
        return self

    def make(self, **defaults: Any) -> Optional[Q.Quantizer]:
        """Returns the quantizer, None for ``quantizer: none``.

        Args:
            defaults: Options that hold where the rule does not say, if the quantizer has them.
        """
        if self.quantizer == "none":
            return None
        known = quantizers()
        if self.quantizer not in known:
            raise ConfigError(
                f"unknown quantizer {self.quantizer!r}.",
                help=_nearest(self.quantizer, [*known, "none"]),
            )
        kind = known[self.quantizer]
        options = dict(self.model_extra or {})
        names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
        for option in options:
            if option not in names:
                raise ConfigError(
                    f"quantizer {self.quantizer} has no option {option!r}.",
                    help=_nearest(option, names),
                )
        missing = inspect.signature(kind).parameters
        for name, parameter in missing.items():
            if parameter.default is inspect.Parameter.empty and name not in options:
                raise ConfigError(
                    f"quantizer {self.quantizer} needs {name!r}.", help=f"add {name}: ..."
                )
        given = {name: value for name, value in defaults.items() if name in names}
        return kind(**{**given, **options})

    def make_for_bias(self) -> Optional[Q.Quantizer]:
        """Returns the quantizer of the layers' biases, None if they stay float."""
        made = self.make()
        learned = isinstance(made, LearnedQuantizer)
        if not (learned if self.bias is None else self.bias):
            return None
        if not learned:
            raise ConfigError(
                f"quantizer {self.quantizer} is for weights, not for biases.",
                help="leave bias out, or choose uniform or pow2",
            )
        # A bias has one value a channel, so it can't have a step of its own for each.
        return replace(made, axis=None) if isinstance(made, Q.Uniform) else made

    def matches(self, layer: str) -> bool:
        """Whether one of the patterns matches the name of a layer, as a shell matches files."""
        patterns = [self.layers] if isinstance(self.layers, str) else self.layers
        return any(fnmatchcase(layer, pattern) for pattern in patterns)


class BudgetPart(_Part):
    """Memory budgets such as "70 kB", and the strength of the penalty for exceeding them."""

    weights: Optional[Union[float, str]] = None
    activations: Optional[Union[float, str]] = None
    activations_max: Optional[Union[float, str]] = None
    strength: float = 0.1

    @model_validator(mode="after")
    def _sizes(self) -> BudgetPart:
        sizes = self.model_dump(exclude={"strength"})
        if all(size is None for size in sizes.values()):
            raise ConfigError("budget: no size is given.", help="write for instance weights: 70 kB")
        for name, size in sizes.items():
            if size is not None:
                parse_size(size, f"budget: {name}")
        return self


class CompressionPart(_Part):
    """Which weights and activations are quantized how, under which budgets, and the training."""

    weights: List[QuantizerRule] = Field(default_factory=list)
    activations: List[QuantizerRule] = Field(default_factory=list)
    budget: Optional[BudgetPart] = None
    training: Optional[TrainingPart] = None

    @model_validator(mode="after")
    def _something(self) -> CompressionPart:
        if not self.weights and not self.activations:
            raise ConfigError(
                "compression: neither weights nor activations are quantized.",
                help='add for instance weights: [{layers: "*", quantizer: lut, bits: 4}]',
            )
        if self.budget is not None and self.training is None:
            raise ConfigError("compression: a budget needs a training.", help="add training:")
        return self


class ExportPart(_Part):
    """What is written in the end."""

    target: str = "portable"
    nnb: bool = True
    api: int = 44


class Recipe(_Part):
    r"""One compression run.

    Example:
        >>> Recipe.parse(EXAMPLE).compression.weights[0].make().dictionary
        'pow2'
        >>> Recipe.parse("name: x\nmodl: {name: lenet}")
        Traceback (most recent call last):
        nnabla_compress.errors.ConfigError: recipe: unknown key 'modl'.
        help: did you mean 'model'? known are: name, seed, model, data, ...
    """

    name: str
    seed: int = Field(default=0, ge=0)
    model: ModelPart
    data: DataPart
    preprocessing: PreprocessingPart = PreprocessingPart()
    augmentation: Optional[AugmentationPart] = None
    float_training: Optional[TrainingPart] = None
    compression: Optional[CompressionPart] = None
    export: ExportPart = ExportPart()

    @field_validator("name")
    @classmethod
    def _a_folder_name(cls, name: str) -> str:
        if not name or name.startswith(".") or any(character in name for character in "/\\\0"):
            raise ConfigError(f"name: {name!r} can't name a folder.", help="use letters and dashes")
        return name

    @classmethod
    def parse(cls, text: str, where: str = "recipe") -> Recipe:
        """Reads a recipe from YAML text.

        Args:
            text: The YAML.
            where: What messages call it.

        Raises:
            ConfigError: If it is no YAML mapping, or anything in it is unknown or out of range.
        """
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(
                f"{where} is no valid YAML: {error}.", help="mend that line"
            ) from None
        if not isinstance(content, dict):
            raise ConfigError(
                f"{where} holds {type(content).__name__}, not keys and values.",
                help="start from a file in configs/",
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            raise _explained(error, where) from None
        except CompressError as error:
            raise ConfigError(f"{where}: {error.message}", help=error.help) from None

    @classmethod
    def read(cls, path: Union[str, Path]) -> Recipe:
        """Reads a recipe file.

        Args:
            path: The YAML file.

        Raises:
            ConfigError: If it is missing, or not a valid recipe.
        """
        path = Path(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
            raise ConfigError(
                f"can't read the recipe {path}: {reason}.", help="configs/ holds recipes to try"
            ) from None
        return cls.parse(text, str(path))

    def dump(self) -> str:
        """Returns the recipe as YAML, every value resolved."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


def quantizers() -> Dict[str, Type[Q.Quantizer]]:
    """Returns the weight quantizers by the names that recipes use."""
    return {kind.__name__.lower(): kind for kind in Q.registered().values()}


def choose_rules(
    rules: Sequence[QuantizerRule], names: Sequence[str], what: str = "layer"
) -> Dict[str, Optional[QuantizerRule]]:
    """Returns the rule for each layer or activation: the last one that matches its name.

    Args:
        rules: Rules of a recipe, in order.
        names: Names of the network's layers or activations.
        what: What messages call them.

    Raises:
        ConfigError: If a rule matches nothing; the help lists near names.

    Example:
        >>> rules = Recipe.parse(EXAMPLE).compression.weights
        >>> choose_rules(rules, ["conv1/conv"])["conv1/conv"].make().bits
        4
    """
    chosen: Dict[str, Optional[QuantizerRule]] = {name: None for name in names}
    for rule in rules:
        matched = [name for name in names if rule.matches(name)]
        if not matched:
            pattern = rule.layers if isinstance(rule.layers, str) else rule.layers[0]
            raise ConfigError(
                f"compression: no {what} matches {rule.layers!r}.",
                help=_nearest(pattern.strip("*"), list(names)),
            )
        chosen.update((name, rule) for name in matched)
    return chosen


def differences(old: Recipe, new: Recipe) -> List[str]:
    """Returns where two recipes differ, as lines such as ``seed: 1 -> 2``."""
    first, second = _flat(old.model_dump(mode="json")), _flat(new.model_dump(mode="json"))
    keys = sorted(set(first) | set(second))
    return [
        f"{key}: {first.get(key)} -> {second.get(key)}"
        for key in keys
        if first.get(key) != second.get(key)
    ]


def _flat(value: Any, path: str = "") -> Dict[str, Any]:
    if isinstance(value, Mapping):
        items = [(str(key), item) for key, item in value.items()]
    elif isinstance(value, (list, tuple)):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        return {path: value}
    found: Dict[str, Any] = {}
    for key, item in items:
        found.update(_flat(item, f"{path}.{key}" if path else key))
    return found


def _nearest(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    return (f"did you mean {near[0]!r}? " if near else "") + f"known are: {', '.join(known)}"


def _explained(error: ValidationError, where: str) -> ConfigError:
    # A misspelt key is also a missing one: name the cause, not the consequence.
    found = error.errors()
    first = next((entry for entry in found if entry["type"] == "extra_forbidden"), found[0])
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        keys = _keys_at(path[:-1])
        place = f" in {'.'.join(path[:-1])}" if len(path) > 1 else ""
        return ConfigError(
            f"{where}: unknown key {path[-1]!r}{place}.", help=_nearest(path[-1], keys)
        )
    if first["type"] == "missing":
        return ConfigError(f"{where}: {'.'.join(path)} is missing.", help="add it")
    got = first.get("input")
    return ConfigError(
        f"{where}: {'.'.join(path)} is {got!r}: {first['msg']}.", help="correct that value"
    )


def _keys_at(path: Sequence[str]) -> List[str]:
    """Keys that the part of a recipe at a path may have."""
    part: Any = Recipe
    for key in path:
        if key.isdigit():
            continue
        annotation = part.model_fields[key].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        part = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(part.model_fields)
