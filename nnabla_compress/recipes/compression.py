# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The ``compression`` of a recipe: which tensors get which quantizer, and the training."""

from __future__ import annotations

from typing import Any, List, Literal, Mapping, Optional

from pydantic import Field, field_validator, model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.checking import Part, validated
from nnabla_compress.recipes.training_parts import BudgetPart, DistillPart
from nnabla_compress.rules import QuantizerRule
from nnabla_compress.training import TrainingSettings

_TRAINING = "add training: {epochs: 1}, in the shell --epochs 1 and --data"


class CompressionPart(Part):
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
    training: Optional[TrainingSettings] = None

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
            raise ConfigError("compression: a budget needs a training.", help=_TRAINING)
        if self.distill is not None and self.training is None:
            raise ConfigError("compression: distill is for a training.", help=_TRAINING)
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
        return validated(cls, content, where)
