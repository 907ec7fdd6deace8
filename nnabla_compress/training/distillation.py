# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Distillation: a compressed network learns to give the outputs of the float one.

With logits s of the student and t of the teacher, and a temperature T, the loss of a batch is the
mean of ``T^2 KL(softmax(t / T) || softmax(s / T))``; a single logit stands for two classes. The
factor T^2 keeps the size of the gradient (G. Hinton et al., Distilling the knowledge in a neural
network, arXiv:1503.02531).
"""

from __future__ import annotations

from dataclasses import dataclass

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.rewrite import leaves, rebuild
from nnabla_compress.training.evaluate import Build


@dataclass(frozen=True)
class Distillation:
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

    def mixed(self, x: nn.Variable, logits: nn.Variable, loss: nn.Variable) -> nn.Variable:
        """Returns ``(1 - weight) loss + weight distillation_loss``.

        Args:
            x: Input of the student, (B, ...).
            logits: Its output, (B, classes).
            loss: Its loss on the labels, a scalar.
        """
        taught = distillation_loss(logits, frozen(self.teacher, x), self.temperature)
        return (1 - self.weight) * loss + self.weight * taught


def distillation_loss(
    student: nn.Variable, teacher: nn.Variable, temperature: float
) -> nn.Variable:
    """Returns the mean over the batch of ``T^2 KL(teacher || student)``, a scalar.

    Args:
        student: Logits, (B, classes); a single column is the logit of class 1 of two.
        teacher: Likewise.
        temperature: T.

    Example:
        >>> logits = nn.Variable.from_numpy_array(np.float32([[1, 2, 3], [3, 0, 0]]))
        >>> loss = distillation_loss(logits, logits, temperature=2)
        >>> loss.forward()
        >>> abs(float(loss.d)) < 1e-6
        True
    """
    if student.shape[1] == 1:
        student, teacher = (_two_classes(logits) for logits in (student, teacher))
    wanted = F.log_softmax(teacher / temperature, axis=1)
    got = F.log_softmax(student / temperature, axis=1)
    return temperature**2 * F.mean(F.sum(F.exp(wanted) * (wanted - got), axis=1))


def frozen(build: Build, x: nn.Variable) -> nn.Variable:
    """Returns the output of a network in inference, from a copy of its parameters as they are now.

    Args:
        build: The network.
        x: Its input.
    """
    output = build(x, True)
    copies = {
        leaf: nn.Variable.from_numpy_array(np.array(leaf.d))
        for leaf in leaves([output])
        if leaf is not x and leaf != x
    }
    return rebuild([output], inputs=copies)[0]


def _two_classes(logits: nn.Variable) -> nn.Variable:
    return F.concatenate(0 * logits, logits, axis=1)
