# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The folder of a post-training quantization: its samples, and what opens its network again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.channel_pairs import with_channel_clips
from nnabla_compress.calibration.network import copy_of, folded_copy, quantized_copy
from nnabla_compress.calibration.ptq import PostTraining
from nnabla_compress.calibration.settings import PostTrainingSettings
from nnabla_compress.checksums import read_record, write_bytes, write_record
from nnabla_compress.data import DataSet, Split
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.graph.batches import on_inputs
from nnabla_compress.quantizers import graph_quantizers
from nnabla_compress.recipes import Recipe
from nnabla_compress.runs.inputs import Inputs, load_inputs
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.parameter_files import load_parameters, save_parameters

KEPT = "post_training.json"
_PARAMETERS = "compressed.h5"
_AGAIN = "run 'nnabla-compress ptq' again"
_STRUCTURE = ("weights", "activations", "per_channel", "power_of_two")


@dataclass(frozen=True)
class PostTrained:
    """What is kept of a post-training quantization beside its recipe and parameters.

    Args:
        structure: The settings that say which quantizers there are.
        signed: Whether the quantizer of a feature map has negative values, by its name.
        samples: Most samples that calibration took.
        scored: The ``data`` of a recipe to score on, None for that of calibration.
        channel_clips: Whether clips between layers have a bound for each channel.
    """

    structure: Mapping[str, Any]
    signed: Mapping[str, bool]
    samples: int
    scored: Optional[Mapping[str, Any]] = None
    channel_clips: bool = False

    @classmethod
    def of(
        cls,
        result: PostTraining,
        settings: PostTrainingSettings,
        samples: int,
        scored: Optional[Recipe],
    ) -> PostTrained:
        """Returns what is to be kept.

        Args:
            result: The quantized network.
            settings: What it was made by.
            samples: Most samples that calibration took.
            scored: The recipe with the data to score on.
        """
        nodes = [node.info.args for node in graph_quantizers(result.outputs)]
        data = None if scored is None or scored.data is None else scored.data
        return cls(
            {key: getattr(settings, key) for key in _STRUCTURE},
            {args["name"]: bool(args["signed"]) for args in nodes if args.get("tensor") == ""},
            samples,
            None if data is None else data.model_dump(mode="json"),
            result.channel_clips,
        )

    def write(self, folder: Path, recipe: Recipe, source: Path, scope: Dict[str, Any]) -> None:
        """Writes all that opens the network again, and makes the folder that of a run.

        Args:
            folder: The folder.
            recipe: The recipe, which names the float network and the data.
            source: Where its relative paths start.
            scope: The parameters of the quantized network.
        """
        with nn.parameter_scope("", scope):
            save_parameters(folder / _PARAMETERS)
        write_record(folder / KEPT, {key: getattr(self, key) for key in self.__dataclass_fields__})
        write_record(folder / "source.json", {"folder": str(source.resolve())})
        write_bytes(folder / "recipe.yaml", recipe.dump().encode("utf-8"))

    @classmethod
    def read(cls, folder: Path) -> Optional[PostTrained]:
        """Reads what is kept in a folder, None if its run was no post-training quantization.

        Args:
            folder: A run folder.

        Raises:
            DataError: If it is damaged.
        """
        if not (folder / KEPT).exists():
            return None
        try:
            return cls(**read_record(folder / KEPT, _AGAIN))
        except TypeError as error:
            raise DataError(f"can't read {folder / KEPT}: {error}.", help=_AGAIN) from error

    @staticmethod
    def refuse(folder: Path) -> None:
        """Refuses to go on with a post-training quantization as if it was a run of its recipe.

        Args:
            folder: A run folder.

        Raises:
            ConfigError: If it holds a post-training quantization.
        """
        if (folder / KEPT).exists():
            raise ConfigError(
                f"{folder} holds a result of 'nnabla-compress ptq': there is no training to go on "
                "with.",
                help="run 'nnabla-compress ptq' again, with another folder for -o",
            )

    @property
    def settings(self) -> PostTrainingSettings:
        """The settings that say which quantizers there are."""
        maps = self.structure["activations"]
        return PostTrainingSettings(
            weights=tuple(self.structure["weights"]),
            activations=None if maps is None else tuple(maps),
            per_channel=self.structure["per_channel"],
            power_of_two=self.structure["power_of_two"],
        )

    @contextmanager
    def network(self, inputs: Inputs, folder: Path) -> Iterator[Build]:
        """Gives the quantized network, its parameters in the current scope.

        Args:
            inputs: What the recipe refers to, loaded; its network is the float one.
            folder: The folder.

        Raises:
            DataError: If the parameters don't fit, as when the float network has changed.
        """
        x = inputs.variables()
        several = not isinstance(x, nn.Variable)
        variables = list(x.values()) if several else [x]
        with nn.auto_forward(False):
            plain = folded_copy([inputs.build(x, True)], variables)
        if self.channel_clips:
            plain = copy_of(with_channel_clips(plain.outputs), plain.inputs)
        made = quantized_copy(plain, self.signed, self.settings)
        with nn.parameter_scope("", made.scope):
            known = set(nn.get_parameters(grad_only=False))
            load_parameters(folder / _PARAMETERS, _AGAIN)
            if set(nn.get_parameters(grad_only=False)) != known:
                raise DataError(
                    f"{folder / _PARAMETERS} does not fit the network that was quantized.",
                    help="run 'nnabla-compress ptq' again: its file has changed",
                )
            yield on(made.outputs, made.inputs, list(x) if several else None)


def on(
    outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable], names: Optional[Sequence[str]]
) -> Build:
    """Returns a graph with one output as a function of its input, or of several by name.

    Args:
        outputs: Its output.
        inputs: Its inputs.
        names: Names of several inputs, None for one.
    """

    def build(x: Any, test: bool) -> nn.Variable:
        new = [x] if names is None else [x[name] for name in names]
        return on_inputs(outputs, dict(zip(inputs, new)))[0]

    return build


def divide(
    inputs: Inputs, recipe: Recipe, folder: Path, samples: int, scored: Optional[Mapping[str, Any]]
) -> None:
    """Makes what calibration takes the training samples, and what it does not the test samples.

    Calibration takes training samples where the data has any, else those of the validation or the
    test split; the test samples are the others of the data, or those of other data.

    Args:
        inputs: What the recipe refers to, loaded; its data set changes.
        recipe: The recipe.
        folder: Where its relative paths start.
        samples: Most samples that calibration takes.
        scored: The ``data`` of a recipe to score on, None for that of the recipe.
    """
    parts: Dict[str, Any] = {}
    data, other = inputs.splits, None
    given = None if recipe.data is None else recipe.data.model_dump(mode="json")
    if scored is not None and scored != given:
        content = {**recipe.model_dump(mode="json"), "data": scored}
        other = load_inputs(Recipe.checked(content), folder, unlabelled=True).data
        parts["test"] = _to_score(other)[1]
    if data is not None:
        drawn = inputs.drawn(samples)
        parts["train"] = drawn.samples
        if other is None:
            name, split = _to_score(data, drawn.split)
            if name == drawn.split:
                split = split.take(np.setdiff1d(np.arange(len(split)), drawn.rows))
            if len(split):
                parts["test"] = split
    whole = data or other
    if whole is not None:
        n_classes = max(each.n_classes for each in (data, other) if each is not None)
        inputs.splits = replace(
            DataSet.checked(whole.name, n_classes, **parts), class_names=whole.class_names
        )


def _to_score(data: DataSet, otherwise: str = "train") -> Tuple[str, Split]:
    for name in ("test", "validation"):
        if name in data.splits:
            return name, data.splits[name]
    return otherwise, data.splits[otherwise]
