# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Neurons kept at weights of length 1 while a network is trained.

Before each update the part of a gradient along the weights is taken out; behind it they are divided
by their length. The last layer, and layers before a batch normalization, are free.

L. Qin, S. Zhou and D. Xiu, arXiv:1805.08340.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np
from pydantic import model_validator

from nnabla_compress.analysis.neurons import Neurons, neurons
from nnabla_compress.errors import ConfigError
from nnabla_compress.solvers import put_on_sphere, tangential
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term


@dataclass
class UnitNorm(Term):
    """Keeps the weights of neurons at length 1.

    Args:
        threshold: The largest magnitude of their biases; None: biases are free.

    Raises:
        ConfigError: If the threshold is not positive.
    """

    threshold: Optional[float] = None

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 < self.threshold < float("inf"):
            raise ConfigError(
                f"unit_norm: threshold is {self.threshold}.",
                help="give a positive number, or leave it out",
            )

    def attach(self, training: Training) -> None:
        """Finds the neurons.

        Raises:
            ConfigError: If there are none.
        """
        self._neurons = _found(training.outputs)

    def begin(self) -> None:
        """Divides the weights by their length."""
        self._settle()

    def before_update(self, iteration: int) -> None:
        """Takes the part of gradients out that would change lengths."""
        for each in self._neurons:
            tangential(each.layer.weight, _axis(each))

    def after_update(self, iteration: int) -> None:
        """Divides the weights by their length, and cuts off biases."""
        self._settle()

    def monitors(self) -> Mapping[str, float]:
        """Returns the largest magnitude of a bias."""
        biases = [each.layer.bias for each in self._neurons if each.layer.bias is not None]
        return {"Largest threshold": max((float(np.abs(b.d).max()) for b in biases), default=0.0)}

    def outcome(self) -> Dict[str, Any]:
        """Returns the same in the end."""
        return {"unit_norm": {"largest_threshold": self.monitors()["Largest threshold"]}}

    def _settle(self) -> None:
        for each in self._neurons:
            put_on_sphere(each.layer.weight, _axis(each))
            bias = each.layer.bias
            if self.threshold is not None and bias is not None:
                bias.d = np.clip(bias.d, -self.threshold, self.threshold)


def _axis(each: Neurons) -> int:
    assert each.layer.output_axis is not None
    return each.layer.output_axis


def _found(outputs: Sequence[nn.Variable]) -> List[Neurons]:
    found = neurons(outputs)
    if not found:
        raise ConfigError(
            "unit_norm: no layer is followed by a ReLU or a function of signs alone, with a layer "
            "behind it.",
            help="fold batch normalizations before: the step fold: before",
        )
    return found


@register_term("unit_norm")
class UnitNormOptions(TermOptions):
    """Keeps the weights of each neuron at length 1, so that they lie in [-1, 1] in the end.

    Put the step normalize_neurons before, where the network is to compute the same at first.

    Args:
        threshold: The largest magnitude of the biases; left out, biases are free.
    """

    short = "threshold"

    threshold: Optional[float] = None

    @model_validator(mode="after")
    def _in_range(self) -> UnitNormOptions:
        UnitNorm(**self.model_dump())
        return self

    def make(self, teacher: Build) -> UnitNorm:
        """Returns the term."""
        return UnitNorm(**self.model_dump())

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Refuses a network without such neurons.

        Raises:
            ConfigError: If it has none.
        """
        _found(outputs)
        return []
