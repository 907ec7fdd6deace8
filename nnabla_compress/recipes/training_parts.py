# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How a recipe trains: settings, memory budgets, distillation."""

from __future__ import annotations

from typing import Any, Dict, Optional, Tuple, Union

from pydantic import Field, model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.checking import Part
from nnabla_compress.sizes import parse_size
from nnabla_compress.training import Distillation, TrainingSettings
from nnabla_compress.training.evaluate import Build


class TrainingPart(Part):
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


class BudgetPart(Part):
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


class DistillPart(Part):
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
