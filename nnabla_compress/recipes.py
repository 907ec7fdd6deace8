# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Recipes: the YAML description of one compression run, checked key by key.

A recipe that names an unknown key, an unknown choice or a number out of range is refused with the
place, what was given and the nearest name. :data:`EXAMPLE` is a complete recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import (
    Any,
    Dict,
    List,
    Literal,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
    Union,
)

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from nnabla_compress import data, models
from nnabla_compress.errors import CompressError, ConfigError
from nnabla_compress.exporters.storage import SMALLEST, check_storage
from nnabla_compress.exporters.targets import target_named
from nnabla_compress.exporters.weigh import PREFERENCES, check_preference
from nnabla_compress.models.other_formats import other_format
from nnabla_compress.names import is_shown, shortened
from nnabla_compress.regularizers import parse_size
from nnabla_compress.rule_files import with_rules
from nnabla_compress.rules import QuantizerRule, choose_rules, nearest, quantizers, typed
from nnabla_compress.safe_names import MOST_BYTES, shell_word
from nnabla_compress.training import LOSSES, Distillation, TrainingSettings, make_loss
from nnabla_compress.training.evaluate import Build

__all__ = [
    "EXAMPLE",
    "CompressionPart",
    "QuantizerRule",
    "Recipe",
    "choose_rules",
    "differences",
    "quantizers",
]

EXAMPLE = """\
name: lenet-lutq-4bit            # also the name of the run folder
seed: 1
model: {name: lenet}             # or {python: "file.py:function"}, or {nnp: network.nnp}
data: {source: digits, validation: 0.1}
preprocessing: {scale: 1.0}      # (x * scale - mean) / std
loss: SoftmaxCrossEntropy        # left out: the one that the network itself ends in
float_training:                  # left out: the network is trained already
  epochs: 20
  learning_rate: 0.05
  solver_options: {momentum: 0.9}
compression:
  weights:                       # the last rule that matches a layer holds
    - {layers: "*", quantizer: lut, bits: 4, dictionary: pow2}
  training: {epochs: 10, learning_rate: 0.005}
export: {target: portable, storage: smallest, nnb: true}
"""


_Kind = TypeVar("_Kind", bound=BaseModel)


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
                f"data: unknown source {source!r}.", help=nearest(source, list(data.SOURCES))
            )
        return source


class PreprocessingPart(_Part):
    """``(x * scale - mean) / std``, numbers or one number a channel."""

    scale: float = 1.0
    mean: Union[float, List[float]] = 0.0
    std: Union[float, List[float]] = 1.0


class LossPart(_Part):
    """What the network learns, by NNabla's name; ``delta`` is an argument of HuberLoss.

    Example:
        >>> LossPart.model_validate({"name": "squared_error"}).name
        'SquaredError'
    """

    name: str
    delta: float = 1.0

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        for known in LOSSES:
            if name.replace("_", "").lower() == known.lower():
                return known
        raise ConfigError(f"loss: unknown loss {name!r}.", help=nearest(name, list(LOSSES)))

    @model_validator(mode="after")
    def _in_range(self) -> LossPart:
        make_loss(self.name, (1, 1), self.delta)
        return self

    @classmethod
    def parse(cls, text: str) -> Dict[str, Any]:
        """Reads text such as ``HuberLoss:delta=0.5``, as it stands on a command line.

        Args:
            text: The name, and options after a colon.

        Example:
            >>> LossPart.parse("HuberLoss:delta=0.5")
            {'name': 'HuberLoss', 'delta': 0.5}
        """
        name, _, options = text.partition(":")
        pairs = (option.partition("=")[::2] for option in options.split(",") if option)
        return {"name": name.strip(), **{key.strip(): typed(value) for key, value in pairs}}


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


class DistillPart(_Part):
    """See :class:`nnabla_compress.training.Distillation`; the float network is the teacher."""

    temperature: float = 4.0
    weight: float = 0.9

    @model_validator(mode="after")
    def _in_range(self) -> DistillPart:
        self.make(lambda x, test: x)
        return self

    def make(self, teacher: Build) -> Distillation:
        """Returns the checked settings with their teacher."""
        return Distillation(teacher, self.temperature, self.weight)


class CompressionPart(_Part):
    """Which weights and activations are quantized how, under which budgets, and the training.

    ``fold`` says whether batch normalizations stay in the network until it is exported ("after"
    compression), become part of the float layers before quantizers are put in ("before"), or are
    trained as part of layers that ``movingrange`` quantizes ("training"), with running statistics
    that are frozen after ``freeze_after`` updates.
    """

    weights: List[QuantizerRule] = Field(default_factory=list)
    activations: List[QuantizerRule] = Field(default_factory=list)
    fold: Literal["before", "after", "training"] = "after"
    freeze_after: Optional[int] = Field(default=None, ge=0)
    budget: Optional[BudgetPart] = None
    distill: Optional[DistillPart] = None
    training: Optional[TrainingPart] = None

    @field_validator("weights", "activations", mode="before")
    @classmethod
    def _one_rule(cls, rules: Any) -> Any:
        return [rules] if isinstance(rules, (str, Mapping)) else rules

    @field_validator("activations")
    @classmethod
    def _have_no_weights(cls, rules: List[QuantizerRule]) -> List[QuantizerRule]:
        for rule in rules:
            if rule.min_weights is not None:
                raise ConfigError(
                    "activations: min_weights is for weights.", help="choose activations by name"
                )
        return rules

    @model_validator(mode="after")
    def _something(self) -> CompressionPart:
        if not self.weights and not self.activations:
            raise ConfigError(
                "compression: neither weights nor activations are quantized.",
                help='add for instance weights: [{layers: "*", quantizer: lut, bits: 4}]',
            )
        if self.freeze_after is not None and self.fold != "training":
            raise ConfigError(
                "compression: freeze_after is for batch normalizations folded in training.",
                help="add fold: training",
            )
        if self.budget is not None and self.training is None:
            raise ConfigError("compression: a budget needs a training.", help="add training:")
        if self.distill is not None and self.training is None:
            raise ConfigError("compression: distill is for a training.", help="add training:")
        return self

    @property
    def quantizes_activations(self) -> bool:
        """Whether any rule puts a quantizer behind an activation."""
        return any(rule.quantizer != "none" for rule in self.activations)

    @classmethod
    def checked(cls, content: Any, where: str = "compression") -> CompressionPart:
        """Makes one from the keys and values of a recipe's ``compression``.

        Args:
            content: For instance ``{"weights": ["lut:bits=4", "fc*=lut:bits=8"]}``.
            where: What messages call it.

        Raises:
            ConfigError: If anything in it is unknown or out of range.

        Example:
            >>> CompressionPart.checked({"weights": "lut:bits=4"}).weights[0].make().bits
            4
        """
        return _validated(cls, content, where)


class ExportPart(_Part):
    """What is written in the end; see :func:`nnabla_compress.exporters.export_nnp`.

    ``c`` adds C source to the ``.nnb``, whose API level is ``api`` and which takes ``batch_size``
    samples at once. Targets that choose number formats get ``samples`` inputs, drawn at random.

    Example:
        >>> part = ExportPart(target="int8", api=3)
        >>> part.for_float().target, part.for_float().api
        ('portable', 3)
    """

    target: str = "portable"
    storage: str = SMALLEST
    snap_dictionary: bool = False
    prefer: str = PREFERENCES[0]
    nnb: bool = True
    api: int = Field(default=44, ge=1, le=45)
    batch_size: int = Field(default=1, ge=1)
    c: bool = False
    samples: int = Field(default=256, ge=1)

    @model_validator(mode="after")
    def _known(self) -> ExportPart:
        target_named(self.target)
        check_storage(self.storage)
        check_preference(self.prefer)
        return self

    @property
    def options(self) -> Dict[str, Any]:
        """Arguments of ``export_nnp`` beside the target."""
        keys = ("storage", "snap_dictionary", "prefer")
        return {key: getattr(self, key) for key in keys}

    @classmethod
    def checked(cls, content: Any, where: str = "export") -> ExportPart:
        """Makes one from the keys and values of a recipe's ``export``.

        Args:
            content: For instance ``{"target": "int8"}``.
            where: What messages call it.

        Raises:
            ConfigError: If anything in it is unknown or out of range.
        """
        return _validated(cls, content, where)

    def for_float(self) -> ExportPart:
        """Returns the same of the float network: what a compressed one is compared with."""
        return ExportPart(nnb=self.nnb, api=self.api)


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
    data: Optional[DataPart] = None
    preprocessing: PreprocessingPart = PreprocessingPart()
    augmentation: Optional[AugmentationPart] = None
    loss: Optional[LossPart] = None
    float_training: Optional[TrainingPart] = None
    compression: Optional[CompressionPart] = None
    export: ExportPart = ExportPart()

    @field_validator("loss", mode="before")
    @classmethod
    def _a_name_alone(cls, loss: Any) -> Any:
        return LossPart.parse(loss) if isinstance(loss, str) else loss

    @field_validator("name")
    @classmethod
    def _a_folder_name(cls, name: str) -> str:
        if not name or name.startswith(".") or any(c in "/\\" or not is_shown(c) for c in name):
            raise ConfigError(
                f"name: {shortened(name)!r} can't name a folder.", help="use letters and dashes"
            )
        if len(name.encode()) > MOST_BYTES:
            raise ConfigError(
                f"name: {shortened(name)!r} has {len(name.encode())} bytes in UTF-8, a folder's "
                f"name can have {MOST_BYTES}.",
                help="choose a shorter one",
            )
        return name

    @model_validator(mode="after")
    def _data_where_it_is_needed(self) -> Recipe:
        if self.data is None:
            need = self._need_of_data()
            if need is not None:
                raise ConfigError(f"data is missing: {need}.", help="say which data set")
        return self

    def _need_of_data(self) -> Optional[str]:
        part = self.compression
        if self.float_training is not None or (part is not None and part.training is not None):
            return "a training learns from it"
        if part is not None and part.quantizes_activations:
            return "the ranges of quantized activations come from a batch of it"
        if self.model.nnp is None:
            return "only an nnp: file says by itself which inputs it takes"
        return None

    @classmethod
    def parse(cls, text: str, where: str = "recipe", folder: Path = Path(".")) -> Recipe:
        """Reads a recipe from YAML text.

        Args:
            text: The YAML.
            where: What messages call it.
            folder: Where the file is that ``compression: {rules: FILE}`` names.

        Raises:
            ConfigError: If it is no YAML mapping, or anything in it is unknown or out of range.
        """
        try:
            content = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise ConfigError(
                f"{where} is no valid YAML: {error}.", help="mend that line"
            ) from None
        if content is None:
            raise ConfigError(
                f"{where} is empty.",
                help="start from a recipe in configs/, or from these lines:\n  name: NAME\n"
                "  model: {nnp: FILE.nnp}\n  compression: {weights: lut:bits=4}",
            )
        if not isinstance(content, dict):
            raise ConfigError(
                f"{where} holds {type(content).__name__}, not keys and values.",
                help="start from a file in configs/",
            )
        if isinstance(content.get("compression"), dict):
            content["compression"] = with_rules(content["compression"], folder)
        return _validated(cls, content, where)

    @classmethod
    def checked(cls, content: Mapping[str, Any], where: str = "recipe") -> Recipe:
        """Makes a recipe from its keys and values.

        Args:
            content: What the YAML file would hold.
            where: What messages call it.

        Raises:
            ConfigError: If anything in it is unknown or out of range.
        """
        return _validated(cls, content, where)

    @classmethod
    def read(cls, path: Union[str, Path]) -> Recipe:
        """Reads a recipe file.

        Args:
            path: The YAML file.

        Raises:
            ConfigError: If it is missing, or not a valid recipe.
        """
        path = Path(path)
        other = other_format(path)
        if path.is_file() and other is not None and other[0] != "a recipe":
            raise ConfigError(f"{path} is {other[0]}, not a recipe.", help=other[1])
        if path.is_dir():
            kept = path / "recipe.yaml"
            raise ConfigError(
                f"{path} is a folder, not a recipe.",
                help="go on with the run in it: "
                f"'nnabla-compress run -o {shell_word(path)} --resume'"
                if kept.is_file()
                else "name the YAML file; configs/ holds recipes to start from",
            )
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
            raise ConfigError(
                f"can't read the recipe {path}: {reason}.", help="configs/ holds recipes to try"
            ) from None
        return cls.parse(text, str(path), path.parent)

    def dump(self) -> str:
        """Returns the recipe as YAML, every value resolved."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False)


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


def _validated(kind: Type[_Kind], content: Any, where: str) -> _Kind:
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        raise _explained(error, where, kind) from None
    except CompressError as error:
        raise ConfigError(f"{where}: {error.message}", help=error.help) from None


def _explained(error: ValidationError, where: str, kind: Type[BaseModel]) -> ConfigError:
    # A misspelt key is also a missing one: name the cause, not the consequence.
    found = error.errors()
    first = next((entry for entry in found if entry["type"] == "extra_forbidden"), found[0])
    path = [str(part) for part in first["loc"]]
    if first["type"] == "extra_forbidden":
        keys = _keys_at(kind, path[:-1])
        place = f" in {'.'.join(path[:-1])}" if len(path) > 1 else ""
        return ConfigError(
            f"{where}: unknown key {path[-1]!r}{place}.", help=nearest(path[-1], keys)
        )
    if first["type"] == "missing":
        return ConfigError(f"{where}: {'.'.join(path)} is missing.", help="add it")
    got = first.get("input")
    if not path:
        return ConfigError(f"{where} is {got!r}: {first['msg']}.", help="give keys and values")
    return ConfigError(
        f"{where}: {'.'.join(path)} is {got!r}: {first['msg']}.", help="correct that value"
    )


def _keys_at(kind: Type[BaseModel], path: Sequence[str]) -> List[str]:
    """Keys that the part at a path may have."""
    part: Any = kind
    for key in path:
        if key.isdigit():
            continue
        annotation = part.model_fields[key].annotation
        candidates = [annotation, *getattr(annotation, "__args__", ())]
        part = next(c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel))
    return list(part.model_fields)
