# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Hints: maps on the way through a network become those of its teacher (FitNets).

For a map v of the student and a map u of the teacher the loss of a batch is the mean over all
entries of ``1/2 (u - r(v))^2``. Where v has another number of channels than u, r is a learned
regressor: a linear function of the channels at each position, with a bias, that is trained with the
network and gone with the end of the training. Else r(v) = v. The mean in the place of the paper's
sum keeps the weight from depending on the size of the map (A. Romero et al., FitNets: Hints for
thin deep nets, arXiv:1412.6550).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Mapping, Sequence, Union

import nnabla as nn
import nnabla.functions as F
import numpy as np
from pydantic import model_validator

from nnabla_compress.graph.constants import constant, free_path
from nnabla_compress.graph.network import Network
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.map_pairs import (
    MapPair,
    MapsOptions,
    check_positions,
    check_weight,
    named_pairs,
    pairs_of,
    taught_maps,
)
from nnabla_compress.training.terms.term import Term, Training, register_term


@dataclass
class Hints(Term):
    """Which maps become those of a teacher, and how much that counts.

    Args:
        teacher: The network that teaches, ``teacher(x, test)``. A copy of its parameters is made.
        maps: Names of maps that both networks have, or pairs of names.
        weight: Factor of the loss of each pair, positive.

    Raises:
        ConfigError: If no map is named, or the weight is out of range.
    """

    teacher: Build
    maps: Sequence[Union[str, MapPair]]
    weight: float = 1.0

    def __post_init__(self) -> None:
        self.maps = pairs_of(self.maps)
        check_weight("hints", self.weight)
        self._regressors: Dict[str, nn.Variable] = {}
        self._loss, self._computed = nn.Variable(()), False

    def attach(self, training: Training) -> None:
        """Copies the teacher, as it is now, and makes the regressors that it takes."""
        self._computed, self._regressors = False, {}
        pairs = taught_maps(training, self.teacher, pairs_of(self.maps), "hints")
        rng = np.random.RandomState(training.seed)
        losses = [hint_loss(self._regressed(s, t.shape[1], rng), t) for s, t in pairs]
        self._loss = sum(losses[1:], losses[0])
        self._loss.persistent = True

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Adds the losses of all pairs."""
        return objective + self.weight * self._loss

    def parameters(self) -> Mapping[str, nn.Variable]:
        """Returns the regressors."""
        return self._regressors

    def before_update(self, iteration: int) -> None:
        """Notices that there is a loss to monitor."""
        self._computed = True

    def monitors(self) -> Mapping[str, float]:
        """Returns the loss of the last batch."""
        return {"Hints": float(self._loss.d)} if self._computed else {}

    def _regressed(self, x: nn.Variable, channels: int, rng: np.random.RandomState) -> nn.Variable:
        if x.shape[1] == channels:
            return x
        taken = [*nn.get_parameters(grad_only=False), *self._regressors]
        path = free_path("hints/W", taken)
        spread = np.sqrt(2.0 / (x.shape[1] + channels))
        weight = constant(spread * rng.randn(channels, x.shape[1], 1), path)
        bias = constant(np.zeros(channels), f"{path[:-1]}b")
        self._regressors.update({path: weight, f"{path[:-1]}b": bias})
        return at_each_position(x, weight, bias)


@register_term("hints")
class HintsOptions(MapsOptions):
    """Lets maps on the way through the network become those of its teacher (FitNets).

    Args:
        teacher: An ``.nnp`` file whose network teaches, on the same inputs. Left out, it is the
            network before its compression.
        maps: Names of maps that both networks have, such as ``conv1/conv/relu``, or pairs of
            names. Where two have other numbers of channels, a regressor between them is learned.
        weight: Factor of this loss, positive; it is added to the loss of the labels.
    """

    weight: float = 1.0

    @model_validator(mode="after")
    def _in_range(self) -> HintsOptions:
        self.make(lambda x, test: x)
        return self

    def make(self, teacher: Build) -> Hints:
        """Returns the term with its teacher."""
        return Hints(teacher, self.maps, self.weight)

    def foresee_teacher(self, student: Network, teacher: Mapping[str, nn.Variable]) -> None:
        """Refuses maps that are not there, or don't fit."""
        for s, t, where in named_pairs(student, teacher, self.maps, "hints"):
            check_positions(s, t, where)


def hint_loss(student: nn.Variable, teacher: nn.Variable) -> nn.Variable:
    """Returns the mean over all entries of ``1/2 (teacher - student)^2``, a scalar.

    Args:
        student: A map, or what a regressor makes of it.
        teacher: A map of the same shape.
    """
    return 0.5 * F.mean(F.squared_error(student, teacher))


def at_each_position(x: nn.Variable, weight: nn.Variable, bias: nn.Variable) -> nn.Variable:
    """Returns a linear function of the channels at each position: a 1x1 convolution.

    Args:
        x: A map (B, C, ...).
        weight: (channels, C, 1).
        bias: (channels,).

    Returns:
        A map (B, channels, ...).
    """
    line = F.convolution(F.reshape(x, (*x.shape[:2], -1)), weight, bias)
    return F.reshape(line, (x.shape[0], weight.shape[0], *x.shape[2:]))
