# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The ``compression`` of a recipe: which tensors get which quantizer, and the training."""

from __future__ import annotations

from typing import Any, List, Literal, Optional, Tuple

from pydantic import Field, model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.options import validated
from nnabla_compress.training import BudgetOptions, DistillOptions, TermOptions, TrainingSettings
from nnabla_compress.training.terms import (
    AttentionTransferOptions,
    HintsOptions,
    QuantizedGradientsOptions,
    SinReQOptions,
    WaveQOptions,
)
from nnabla_compress.transforms.convert import Convert
from nnabla_compress.transforms.fold_normalizations import Fold
from nnabla_compress.transforms.quantize import Quantize, QuantizerRules
from nnabla_compress.transforms.shrink import Shrink
from nnabla_compress.transforms.transform import Transform

_TRAINING = "add training: {epochs: 1}, in the shell --epochs 1 and --data"


class CompressionPart(QuantizerRules):
    """Which weights and activations are quantized how, under which budgets, and the training.

    Args:
        convert: What NNabla's own quantizers become, of layers and maps that no rule is for:
            ``lut``, ``uniform`` or ``affine``, with the same values. Left out, they stay.
        fold: When batch normalizations become part of the layers before them. ``after``: when the
            network is exported. ``before``: before quantizers are put in. ``training``: they are
            trained as part of layers that ``movingrange`` quantizes.
        shrink: Takes channels out first that are zero or never read; what the network computes
            stays the same.
        freeze_after: With ``fold: training``: updates after which the running statistics stay as
            they are. Left out, they never do.
        budget: How much memory the network may take; needs a training.
        distill: Lets the network learn from the float network, too; needs a training.
        hints: Lets maps on the way become those of a teacher, too (FitNets); needs a training.
        attention_transfer: Lets it look where a teacher looks; needs a training.
        quantized_gradients: Bits that the training rounds the gradients of quantized layers to
            (DoReFa); needs a training.
        sinreq: Pulls weights to the levels of their quantizers by a sine; needs a training.
        waveq: Learns the bits of layers by a sine whose period is trained; needs a training.
        training: The training of the quantized network. Left out, it is not trained.
    """

    convert: Optional[Literal["lut", "uniform", "affine"]] = None
    fold: Literal["before", "after", "training"] = "after"
    shrink: bool = False
    freeze_after: Optional[int] = Field(default=None, ge=0)
    budget: Optional[BudgetOptions] = None
    distill: Optional[DistillOptions] = None
    hints: Optional[HintsOptions] = None
    attention_transfer: Optional[AttentionTransferOptions] = None
    quantized_gradients: Optional[int] = Field(default=None, ge=1, le=16)
    sinreq: Optional[SinReQOptions] = None
    waveq: Optional[WaveQOptions] = None
    training: Optional[TrainingSettings] = None

    @model_validator(mode="after")
    def _fitting(self) -> CompressionPart:
        if self.freeze_after is not None and self.fold != "training":
            raise ConfigError(
                "compression: freeze_after is for batch normalizations folded in training.",
                help="add fold: training",
            )
        if self.budget is not None and self.training is None:
            raise ConfigError("compression: a budget needs a training.", help=_TRAINING)
        if self.distill is not None and self.training is None:
            raise ConfigError("compression: distill is for a training.", help=_TRAINING)
        if self.quantized_gradients is not None and self.training is None:
            raise ConfigError(
                "compression: quantized_gradients are those of a training.", help=_TRAINING
            )
        for term in (self.hints, self.attention_transfer, self.sinreq, self.waveq):
            if term is not None and self.training is None:
                raise ConfigError(f"compression: {term.name} is for a training.", help=_TRAINING)
        return self

    @property
    def transforms(self) -> Tuple[Transform, ...]:
        """The transforms that it stands for, in order."""
        found: List[Transform] = []
        if self.weights or self.activations:
            found.append(
                Quantize(weights=self.weights, activations=self.activations, maps=self.maps)
            )
        if self.convert is not None:
            found.append(Convert(to=self.convert))
        if self.fold == "before":
            found.insert(0, Fold(how="before"))
        if self.fold == "training":
            found.append(Fold(how="training", freeze_after=self.freeze_after))
        if self.shrink:
            found.insert(0, Shrink())
        return tuple(found)

    @property
    def changes_anything(self) -> bool:
        """Whether anything gets another quantizer."""
        return self.convert is not None or super().changes_anything

    @property
    def terms(self) -> Tuple[TermOptions, ...]:
        """What its training minds beside the loss, in order."""
        bits = self.quantized_gradients
        gradients = None if bits is None else QuantizedGradientsOptions(bits=bits)
        taught = (self.distill, self.hints, self.attention_transfer)
        every = (*taught, self.budget, gradients, self.sinreq, self.waveq)
        return tuple(term for term in every if term is not None)

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
        return validated(cls, content, where)
