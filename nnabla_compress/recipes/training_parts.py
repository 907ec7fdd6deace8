# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a recipe's training minds beside its loss: memory budgets, distillation."""

from __future__ import annotations

from typing import Optional, Union

from pydantic import model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.recipes.checking import Part
from nnabla_compress.sizes import parse_size
from nnabla_compress.training import Distillation
from nnabla_compress.training.evaluate import Build


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
