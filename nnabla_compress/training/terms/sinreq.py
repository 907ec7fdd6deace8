# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""SinReQ in a training: weights are pulled to the levels that their quantizers have.

An epoch whose weights have not come to their levels yet may well have the best score, of a
validation set of a few samples above all, and is not what was asked for: it can't be the best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Union

import nnabla as nn
import numpy as np
from pydantic import model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.regularizers.sinreq import (
    GridWeight,
    chosen_weights,
    require_strength,
    total,
)
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.schedules import require_schedule, strength_at
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term

_FARTHEST = 0.5  # steps: half-way between two levels


@dataclass
class SinReQ(Term):
    """Adds the mean squared sine of each layer's distances from its levels.

    Args:
        strength: Factor of the sum over the layers, positive.
        schedule: How the strength changes: ``constant``, ``linear``, ``tanh``, ``exponential``.
        rise_at: Where ``tanh`` is half way, as a share of the training.
        width: How wide its rise is, likewise.
        within: Mean distance from the levels, in steps, below which an epoch may be the best.
        layers: A pattern of names of layers, as a shell matches files, or several.

    Raises:
        ConfigError: If a number is out of range.
    """

    strength: float = 1.0
    schedule: str = "constant"
    rise_at: float = 0.2
    width: float = 0.02
    within: float = 0.05
    layers: Union[str, List[str]] = "*"

    def __post_init__(self) -> None:
        require_strength("sinreq: strength", self.strength)
        require_schedule("sinreq", self.schedule, self.rise_at, self.width)
        if not 0 < self.within <= _FARTHEST:
            raise ConfigError(
                f"sinreq: within is {self.within:g}, it is a distance from levels in steps.",
                help=f"choose above 0, to {_FARTHEST:g}: with that any epoch may be the best; "
                "where nothing pulls the distance is a quarter",
            )

    def attach(self, training: Training) -> None:
        """Finds the weights.

        Raises:
            ConfigError: If there are none, or their levels are not at equal distances.
        """
        self._weights: List[GridWeight] = chosen_weights(training.outputs, self.layers, "sinreq")
        self._total = training.total
        self._factor = nn.Variable.from_numpy_array(np.zeros((), np.float32))
        self._factor.persistent = True
        self.before_forward(0)

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Adds the penalty of all layers."""
        return objective + total([each.penalty() for each in self._weights]) * self._factor

    def before_forward(self, iteration: int) -> None:
        """Sets the strength."""
        share = iteration / max(self._total, 1)
        factor = strength_at(self.schedule, share, self.rise_at, self.width)
        self._factor.d = self.strength * factor

    def monitors(self) -> Mapping[str, float]:
        """Returns the sum of the layers' penalties, without the strength, and the strength."""
        penalties = [each.penalty_now() for each in self._weights]
        return {"Sine penalty": sum(penalties), "Sine strength": float(self._factor.d)}

    def fits(self) -> bool:
        """Returns whether the weights have come to their levels."""
        sizes = [each.weight.size for each in self._weights]
        distances = [each.distance_now() for each in self._weights]
        return bool(np.average(distances, weights=sizes) <= self.within)

    def outcome(self) -> Dict[str, Any]:
        """Returns how far the weights of each layer are from their levels, in steps."""
        return {"sinreq": {each.name: each.distance_now() for each in self._weights}}


@register_term("sinreq")
class SinReQOptions(TermOptions):
    """Pulls weights to the levels of their quantizers by a sine (SinReQ).

    Args:
        strength: Factor of the mean squared sine, summed over the layers; positive.
        schedule: How the strength changes. ``constant``; ``linear``: from 0 to all of it; ``tanh``:
            a rise at ``rise_at``; ``exponential``: from half of it to 3.7 times as much.
        rise_at: Where ``tanh`` is half way, as a share of the training: 0 to below 1.
        width: How wide its rise is, likewise.
        within: Mean distance of the weights from their levels, in steps, below which an epoch may
            be the best: above 0, to 0.5, with which any may. A quarter is where nothing pulls.
            Where no epoch comes so near, the network after the last one is kept.
        layers: A pattern of names of layers, as a shell matches files, or several. The levels of
            their quantizers must be at equal distances.
    """

    short = "strength"

    strength: float = 1.0
    schedule: str = "constant"
    rise_at: float = 0.2
    width: float = 0.02
    within: float = 0.05
    layers: Union[str, List[str]] = "*"

    @model_validator(mode="after")
    def _in_range(self) -> SinReQOptions:
        SinReQ(**self.model_dump())
        return self

    @property
    def shows_weights(self) -> bool:
        """It moves them where a picture shows it."""
        return True

    def make(self, teacher: Build) -> SinReQ:
        """Returns the term."""
        return SinReQ(**self.model_dump())

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Refuses weights without levels at equal distances.

        Raises:
            ConfigError: If there are such, or none at all.
        """
        chosen_weights(outputs, self.layers, "sinreq")
        return []
