# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Distillation: a compressed network learns to give the outputs of the float one.

With logits s of the student and t of the teacher, and a temperature T, the loss of a batch is the
mean of ``T^2 KL(softmax(t / T) || softmax(s / T))``; a single logit stands for two classes, and so
does each of several independent ones. The factor T^2 keeps the size of the gradient (G. Hinton et
al., Distilling the knowledge in a neural network, arXiv:1503.02531). Where outputs are numbers or
probabilities it is the mean squared difference. Exits of a network are taught each, and their
losses added up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import add
from typing import Mapping

import nnabla as nn
from pydantic import model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.training.evaluate import Build, learned
from nnabla_compress.training.terms.taught import TaughtOptions
from nnabla_compress.training.terms.term import Term, Training, register_term


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
        output = training.taught_by(self.teacher).output
        check_outputs(training.output, output)
        taught = [
            training.judge.distillation(exit, output, self.temperature) for exit in training.outputs
        ]
        self._taught = reduce(add, taught)

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Returns ``(1 - weight) objective + weight distillation``."""
        return (1 - self.weight) * objective + self.weight * self._taught


@register_term("distill")
class DistillOptions(TaughtOptions):
    """Lets the network learn to give the outputs of another one.

    Args:
        teacher: An ``.nnp`` file whose network teaches, on the same inputs. Left out, it is the
            network before its compression.
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

    def make(self, teacher: Build) -> Distillation:
        """Returns the term with its teacher."""
        return Distillation(teacher, self.temperature, self.weight)

    def foresee_teacher(self, student: Network, teacher: Mapping[str, nn.Variable]) -> None:
        """Refuses a teacher that gives something else."""
        check_outputs(learned(student.outputs)[-1], learned(teacher)[-1])


def check_outputs(student: nn.Variable, teacher: nn.Variable) -> None:
    """Refuses a teacher whose output has another shape.

    Args:
        student: The output of the network that learns, (B, ...).
        teacher: That of its teacher.

    Raises:
        ConfigError: If it has.
    """
    if student.shape != teacher.shape:
        raise ConfigError(
            f"distill: the teacher gives outputs of shape {tuple(teacher.shape[1:])} a sample, the "
            f"network {tuple(student.shape[1:])}.",
            help="choose a teacher of the same classes",
        )
