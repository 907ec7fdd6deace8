# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a recipe learns from: network, data, preprocessing, augmentation, loss."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Union

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nnabla_compress import data, models
from nnabla_compress.errors import ConfigError
from nnabla_compress.options import Options
from nnabla_compress.rules import typed
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.training import LOSSES, make_loss


class ModelPart(Options):
    """Which network: one of ``name``, ``python`` and ``nnp``.

    Args:
        name: A network of the zoo.
        python: A function of your own that builds the network, ``FILE.py:FUNCTION`` or
            ``MODULE:FUNCTION``. It is called with the input and ``test``, and with ``n_classes`` if
            it takes that.
        nnp: An ``.nnp`` file that holds the network and its parameters.
        network: Which network of the ``nnp`` file, where it holds several.
        parameters: A file of trained parameters, ``.h5`` or ``.nnp``, to start from.
        options: Options of the network ``name``, such as ``{hidden: [64]}`` for ``mlp``.
    """

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
        if self.options and self.name is None:
            raise ConfigError(
                f"model: options: are for a network of the zoo, got {', '.join(self.options)}.",
                help="leave them out, or give name:",
            )
        if self.name is not None:
            models.check_options(self.name, self.options)
        return self


class DataPart(BaseModel):
    """Which data set; further keys are options of the source, such as ``path``.

    Args:
        source: Where the data comes from.
        validation: Training samples to hold out for choosing the best epoch: a part of them such as
            0.1, or how many.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    source: str
    validation: Union[int, float] = 0

    @field_validator("source")
    @classmethod
    def _known(cls, source: str) -> str:
        if source not in data.SOURCES:
            raise ConfigError(
                f"data: unknown source {source!r}.", help=did_you_mean(source, list(data.SOURCES))
            )
        return source


class PreprocessingPart(Options):
    """``(x * scale - mean) / std``.

    Args:
        scale: Factor of all values, such as 0.00392156862745098 (1/255) for 8-bit images.
        mean: What is subtracted: a number, or one for each channel.
        std: What the result is divided by, positive: a number, or one for each channel.
    """

    scale: float = 1.0
    mean: Union[float, List[float]] = 0.0
    std: Union[float, List[float]] = 1.0


class LossPart(Options):
    """What the network learns, by NNabla's name.

    Args:
        name: ``SoftmaxCrossEntropy``, ``CategoricalCrossEntropy``, ``SigmoidCrossEntropy``,
            ``BinaryCrossEntropy``, ``SquaredError``, ``AbsoluteError`` or ``HuberLoss``.
        delta: Of ``HuberLoss``: the error up to which it is quadratic, positive.

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
        raise ConfigError(f"loss: unknown loss {name!r}.", help=did_you_mean(name, list(LOSSES)))

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
    """Random change of training samples; further keys are its options.

    Args:
        name: Which one. ``pad_crop_flip`` adds ``pad`` (4) pixels on each side, crops at a random
            place, and mirrors half of the images unless ``flip`` is false.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    name: str
