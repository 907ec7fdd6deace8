# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A recipe: the description of one compression run, from YAML and to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Union

import yaml
from pydantic import (
    Field,
    SerializeAsAny,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

from nnabla_compress.errors import ConfigError
from nnabla_compress.models.other_formats import other_format
from nnabla_compress.names import is_shown, shortened
from nnabla_compress.options import Options, validated
from nnabla_compress.reading import parse_yaml, read_text
from nnabla_compress.recipes.compression import CompressionPart
from nnabla_compress.recipes.data_parts import (
    AugmentationPart,
    DataPart,
    LossPart,
    ModelPart,
    PreprocessingPart,
)
from nnabla_compress.recipes.export import ExportPart
from nnabla_compress.recipes.stages import Stage, stages_of, stages_of_parts
from nnabla_compress.recipes.step import Step, steps_of
from nnabla_compress.rule_files import with_rules
from nnabla_compress.safe_names import MOST_BYTES, shell_word
from nnabla_compress.training import TrainingSettings

MOST_SEED = 2**32 - 1
"""The largest seed."""

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
"""A recipe with what most recipes have."""


class Recipe(Options):
    r"""One compression run.

    Relative paths start in the folder of the recipe's file; ``$NAME`` in a path stands for the
    environment variable.

    Args:
        name: Name of the run, and of its folder below ``runs/`` where ``-o`` names no other.
        seed: Seed of everything random: starting values, held-out samples, batches, augmentation.
        model: The network.
        data: The data set. An ``nnp`` network that is neither trained nor calibrated needs none.
        preprocessing: How stored samples become inputs of the network.
        augmentation: How training samples are changed at random, anew in each epoch.
        loss: What the network learns and is scored by: a name, text such as
            ``HuberLoss:delta=0.5``, or keys and values. Left out, it is the loss that an ``nnp``
            network ends in, else that of a classifier.
        float_training: Short form: the training of the float network. Left out, it is not trained.
        compression: Short form: how the network is compressed.
        steps: What is done to the network, in order. Takes the place of ``float_training`` and
            ``compression``.
        evaluate: Whether networks are scored, or other data to score them on.
        export: What is written in the end.
        context: Where NNabla computes: an extension, and the number of a device behind a colon,
            such as ``cudnn:1``. ``--context`` of the shell comes before it.

    Example:
        >>> Recipe.parse(EXAMPLE).compression.weights[0].make().dictionary
        'pow2'
        >>> Recipe.parse("name: x\nmodl: {name: lenet}")
        Traceback (most recent call last):
        nnabla_compress.errors.UnknownKeyError: recipe: unknown key 'modl'.
        help: did you mean 'model'? known are: name, seed, model, data, ...
    """

    name: str
    seed: int = Field(default=0, ge=0, le=MOST_SEED)
    model: ModelPart
    data: Optional[DataPart] = None
    preprocessing: PreprocessingPart = PreprocessingPart()
    augmentation: Optional[AugmentationPart] = None
    loss: Optional[LossPart] = None
    float_training: Optional[TrainingSettings] = None
    compression: Optional[CompressionPart] = None
    steps: Optional[List[SerializeAsAny[Step]]] = None
    evaluate: Union[bool, DataPart] = True
    export: ExportPart = Field(default_factory=ExportPart)
    context: Optional[str] = None

    @field_validator("loss", mode="before")
    @classmethod
    def _a_name_alone(cls, loss: Any) -> Any:
        return LossPart.parse(loss) if isinstance(loss, str) else loss

    @field_validator("steps", mode="before")
    @classmethod
    def _known_steps(cls, entries: Any) -> Any:
        return None if entries is None else steps_of(entries)

    @field_serializer("steps")
    def _by_name(self, steps: Optional[List[Step]]) -> Optional[List[Dict[str, Any]]]:
        return None if steps is None else [step.entry() for step in steps]

    @model_serializer(mode="wrap")
    def _without_unused(self, serialize: Any) -> Dict[str, Any]:
        # Recipes in the short form say nothing of steps.
        found: Dict[str, Any] = serialize(self)
        if self.steps is None:
            del found["steps"]
        else:
            del found["float_training"], found["compression"]
        if self.evaluate is True:
            del found["evaluate"]
        if self.context is None:
            del found["context"]
        return found

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
    def _one_form(self) -> Recipe:
        for name in ("float_training", "compression"):
            if self.steps is not None and getattr(self, name) is not None:
                raise ConfigError(
                    f"steps and {name} exclude each other.", help=f"write {name} as steps"
                )
        return self

    @model_validator(mode="after")
    def _scored_at_all(self) -> Recipe:
        if self.export.score and self.evaluate is False:
            raise ConfigError(
                "export: the .nnb is to be scored, and the networks are not.",
                help="leave evaluate: false out (with 'ptq' add --evaluate), or score",
            )
        return self

    @model_validator(mode="after")
    def _data_where_it_is_needed(self) -> Recipe:
        if self.data is None:
            needs = (stage.step.need_of_data() for stage in self.stages)
            need = next((need for need in needs if need is not None), None)
            if need is None and self.model.nnp is None:
                need = "only an nnp: file says by itself which inputs it takes"
            if need is not None:
                raise ConfigError(f"data is missing: {need}.", help="say which data set")
        return self

    @property
    def stages(self) -> List[Stage]:
        """The steps with what they leave in the run folder, in order."""
        if self.steps is not None:
            return stages_of(self.steps)
        return stages_of_parts(self.float_training, self.compression)

    @property
    def compresses(self) -> bool:
        """Whether any step does more than to train."""
        return any(stage.step.compresses for stage in self.stages)

    @property
    def needs_targets(self) -> bool:
        """Whether any step learns from targets, not from a network alone."""
        return any(stage.step.needs_targets for stage in self.stages)

    @property
    def learns_from_teacher(self) -> bool:
        """Whether any step needs the network as it was before its compression."""
        return any(stage.step.learns_from_teacher for stage in self.stages)

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
            content = parse_yaml(text)
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
        return cls.checked(content, where)

    @classmethod
    def checked(cls, content: Mapping[str, Any], where: str = "recipe") -> Recipe:
        """Makes a recipe from its keys and values.

        Args:
            content: What the YAML file would hold.
            where: What messages call it.

        Raises:
            ConfigError: If anything in it is unknown or out of range.
        """
        return validated(cls, content, where)

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
            text = read_text(path, ConfigError)
        except (OSError, UnicodeDecodeError) as error:
            reason = "no such file" if isinstance(error, FileNotFoundError) else str(error)
            raise ConfigError(
                f"can't read the recipe {path}: {reason}.", help="configs/ holds recipes to try"
            ) from None
        return cls.parse(text, str(path), path.parent)

    def with_seed(self, seed: int) -> Recipe:
        """Returns the same recipe with another seed.

        Args:
            seed: From 0 to ``MOST_SEED``.

        Example:
            >>> Recipe.parse(EXAMPLE).with_seed(2).seed
            2
        """
        return self.model_copy(update={"seed": seed})

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
