# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far the maps of a section are from its teacher's: what a section is trained on.

For a map s of the student, a map t of the teacher, and the variance v of all entries of t::

    mse             mean (s - t)^2 / v
    l1              mean |s - t| / sqrt(v)
    kl              mean over positions of KL(softmax(t) || softmax(s)), along the channels
    cross_entropy   mean over positions of -sum softmax(t) log softmax(s), along the channels

Divided by the variance, an error of 1 is that of a section which gives the mean of its teacher, so
that sections can be compared.
"""

from __future__ import annotations

from typing import Callable, Dict

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.data import Split
from nnabla_compress.errors import ConfigError
from nnabla_compress.training.losses import Loss

SECTION_LOSSES = ("mse", "l1", "kl", "cross_entropy")


def section_loss(
    kind: str, student: nn.Variable, teacher: nn.Variable, variance: float
) -> nn.Variable:
    """Returns the loss of each sample, (B, 1).

    Args:
        kind: One of ``SECTION_LOSSES``.
        student: A map (B, C, ...).
        teacher: A map of the same shape.
        variance: Of all entries of the teacher's map, positive.

    Example:
        >>> s, t = (nn.Variable.from_numpy_array(np.float32([[a, 2]])) for a in (1, 5))
        >>> y = section_loss("mse", s, t, 4.0)
        >>> y.forward()
        >>> y.d.tolist()
        [[2.0]]
    """
    if kind == "mse":
        return _means(F.squared_error(student, teacher)) / variance
    if kind == "l1":
        # Unlike that of NNabla's absolute error, its gradient is 0 where both are the same.
        apart = F.relu(student - teacher) + F.relu(teacher - student)
        return _means(apart) / float(np.sqrt(variance))
    if kind == "kl":
        return without_rounding(lambda wanted: _cross(student, wanted, True), student, teacher)
    return _cross(student, teacher, False)


def without_rounding(
    loss: Callable[[nn.Variable], nn.Variable], student: nn.Variable, teacher: nn.Variable
) -> nn.Variable:
    """Returns a loss whose gradient is exactly 0 where student and teacher are the same.

    What is left of a sum of probabilities that should be 1 moves a student away from the teacher
    that it equals. The loss of the student against itself has nothing but such a gradient, and is
    taken off.

    Args:
        loss: Returns how far the student is from something, 0 from itself.
        student: What the student gives.
        teacher: What it shall give.
    """
    itself = F.identity(student)
    itself.need_grad = False
    return loss(teacher) - loss(itself)


def _cross(student: nn.Variable, teacher: nn.Variable, divergence: bool) -> nn.Variable:
    wanted, got = (F.log_softmax(y, axis=1) for y in (teacher, student))
    apart = wanted - got if divergence else -1 * got
    return _means(F.sum(F.exp(wanted) * apart, axis=1, keepdims=True))


def check_section_loss(kind: str, name: str, shape: tuple) -> None:
    """Refuses a map that a loss makes nothing of.

    Args:
        kind: One of ``SECTION_LOSSES``.
        name: What messages call the map.
        shape: Its shape, (B, ...).

    Raises:
        ConfigError: If a loss on channels is for a map of one channel.
    """
    if kind in ("kl", "cross_entropy") and (len(shape) < 2 or shape[1] < 2):
        raise ConfigError(
            f"sections: {kind} compares the channels of a map, {name} has one.",
            help="choose loss: mse or l1, or cut elsewhere",
        )


def _means(values: nn.Variable) -> nn.Variable:
    return F.mean(F.reshape(values, (values.shape[0], -1)), axis=1, keepdims=True)


class OwnLoss(Loss):
    """The loss of a network that gives nothing but the loss of each sample, (B, 1)."""

    accuracy = ""

    def __init__(self) -> None:
        super().__init__("own loss")

    def elements(self, output: nn.Variable, target: nn.Variable) -> nn.Variable:
        """Returns the output: it is the loss."""
        return output

    def distillation(
        self, student: nn.Variable, teacher: nn.Variable, temperature: float
    ) -> nn.Variable:
        """Returns how far two losses are from each other, squared."""
        return F.mean(F.squared_error(student, teacher))

    def answers(self, output: np.ndarray) -> np.ndarray:
        """Returns the outputs."""
        return np.array(output, np.float32)

    def check(self, output_shape: tuple, split: Split) -> None:
        """Takes any targets, and none: it looks at none."""

    def metrics(self, output: np.ndarray, target: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns none."""
        return {}
