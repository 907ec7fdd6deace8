# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Distillation: a compressed network learns to give the outputs of the float one.

With logits s of the student and t of the teacher, and a temperature T, the loss of a batch is the
mean of ``T^2 KL(softmax(t / T) || softmax(s / T))``; a single logit stands for two classes, and so
does each of several independent ones. The factor T^2 keeps the size of the gradient (G. Hinton et
al., Distilling the knowledge in a neural network, arXiv:1503.02531). Where outputs are numbers or
probabilities it is the mean squared difference.
"""

from __future__ import annotations

from dataclasses import dataclass

import nnabla as nn
import numpy as np
from pydantic import model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.rewrite import leaves, rebuild
from nnabla_compress.training.evaluate import Build, judged
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term


@dataclass
class Distillation(Term):
    """How much, and from which network, another one learns.

    Args:
        teacher: The float network, ``teacher(x, test)``. A copy of its parameters is made.
        temperature: What logits are divided by, positive; larger ones show more of the classes
            that the teacher thinks unlikely.
        weight: Part of this loss in the whole, 0 to 1; with 1 the labels teach nothing.

    Raises:
        ConfigError: If a number is out of range.
    """

    teacher: Build
    temperature: float = 4.0
    weight: float = 0.9

    def __post_init__(self) -> None:
        if not 0 < self.temperature < float("inf"):
            raise ConfigError(
                f"distill: temperature is {self.temperature}.", help="give a positive number"
            )
        if not 0 <= self.weight <= 1:
            raise ConfigError(f"distill: weight is {self.weight}.", help="choose 0 to 1")

    def attach(self, training: Training) -> None:
        """Copies the teacher, as it is now."""
        output = frozen(self.teacher, training.feed.inputs)
        self._taught = training.judge.distillation(training.output, output, self.temperature)

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Returns ``(1 - weight) objective + weight distillation``."""
        return (1 - self.weight) * objective + self.weight * self._taught


@register_term("distill")
class DistillOptions(TermOptions):
    """Lets the network learn to give the outputs of the network before its compression.

    Args:
        temperature: What logits are divided by, positive; larger ones show more of the classes
            that the teacher thinks unlikely.
        weight: Part of this loss in the whole, 0 to 1; with 1 the labels teach nothing.
    """

    temperature: float = 4.0
    weight: float = 0.9

    @model_validator(mode="after")
    def _in_range(self) -> DistillOptions:
        self.make(lambda x, test: x)
        return self

    @property
    def needs_targets(self) -> bool:
        """Whether labels teach anything."""
        return self.weight < 1

    @property
    def learns_from_teacher(self) -> bool:
        """It does."""
        return True

    def make(self, teacher: Build) -> Distillation:
        """Returns the term with its teacher."""
        return Distillation(teacher, self.temperature, self.weight)


def frozen(build: Build, x: nn.Variable) -> nn.Variable:
    """Returns the output of a network in inference, from a copy of its parameters as they are now.

    Args:
        build: The network.
        x: Its input, or several by name in a dict.
    """
    output = judged(build(x, True))
    given = [x] if isinstance(x, nn.Variable) else list(x.values())
    copies = {
        leaf: nn.Variable.from_numpy_array(np.array(leaf.d))
        for leaf in leaves([output])
        if leaf not in given
    }
    return rebuild([output], inputs=copies)[0]
