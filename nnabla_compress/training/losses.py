# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Losses: what a network learns from its targets, how it is judged, and what distillation means.

There are three families. A class loss has one class a sample, or a pixel; a binary loss has
independent answers yes or no; a number loss has numbers of any shape.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Dict, Optional, Tuple, Type

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.data import Split
from nnabla_compress.errors import ConfigError, DataError


@dataclass(frozen=True)
class Loss(ABC):
    """A loss by NNabla's name of it.

    Args:
        name: Type of the NNabla function, such as "SquaredError".
    """

    name: str

    # What a split must hold, see ``Split.checked``.
    targets = "classes"
    # What the share of right answers is called; "" where there is none.
    accuracy = "accuracy"

    @abstractmethod
    def elements(self, output: nn.Variable, target: nn.Variable) -> nn.Variable:
        """Returns the loss of each entry, (B, ...).

        Args:
            output: What the network gives, (B, ...).
            target: What it shall give.
        """

    def samples(self, output: nn.Variable, target: nn.Variable) -> nn.Variable:
        """Returns the mean loss of each sample, (B, 1).

        Args:
            output: What the network gives, (B, ...).
            target: What it shall give.
        """
        losses = self.elements(output, target)
        if losses.shape[1:] == (1,):
            return losses
        return F.mean(F.reshape(losses, (losses.shape[0], -1)), axis=1, keepdims=True)

    def right(self, output: np.ndarray, target: np.ndarray) -> Optional[np.ndarray]:
        """Returns the share of right answers of each sample, (B,); None for numbers.

        Args:
            output: What the network gives, (B, ...).
            target: What it shall give.
        """
        return None

    def metrics(self, output: np.ndarray, target: np.ndarray) -> Dict[str, np.ndarray]:
        """Returns further measures of each sample by name, (B,), smaller ones being better.

        Args:
            output: What the network gives, (B, ...).
            target: What it shall give.
        """
        return {}

    @abstractmethod
    def distillation(
        self, student: nn.Variable, teacher: nn.Variable, temperature: float
    ) -> nn.Variable:
        """Returns how far the outputs of one network are from another's, a scalar.

        Args:
            student: Outputs, (B, ...).
            teacher: Likewise.
            temperature: What logits are divided by.
        """

    @abstractmethod
    def answers(self, output: np.ndarray) -> np.ndarray:
        """Returns the targets that a network's outputs stand for, as a split keeps them.

        Args:
            output: What the network gives, (N, ...).
        """

    @abstractmethod
    def check(self, output_shape: Tuple[int, ...], split: Split) -> None:
        """Refuses targets that don't fit what a network gives.

        Args:
            output_shape: Shape of the output, (B, ...).
            split: Samples with targets.

        Raises:
            DataError: If they don't fit.
        """


@dataclass(frozen=True)
class ClassLoss(Loss):
    """SoftmaxCrossEntropy of logits, or CategoricalCrossEntropy of probabilities.

    Args:
        name: One of the two.
        axis: Which axis of the output the classes are on.
    """

    axis: int = 1

    def elements(self, output: nn.Variable, target: nn.Variable) -> nn.Variable:  # noqa: D102
        return _NNABLA[self.name](output, target, axis=self.axis)

    def right(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:  # noqa: D102
        found = np.argmax(output, axis=self.axis)
        if found.ndim == 1:
            return found == target[:, 0]
        return _mean(found == np.squeeze(target, axis=self.axis))

    def distillation(  # noqa: D102
        self, student: nn.Variable, teacher: nn.Variable, temperature: float
    ) -> nn.Variable:
        if self.name == "CategoricalCrossEntropy":
            return F.mean(F.squared_error(student, teacher))
        return softened_divergence(student, teacher, temperature, self.axis)

    def answers(self, output: np.ndarray) -> np.ndarray:  # noqa: D102
        found = np.argmax(output, axis=self.axis).astype(np.int32)
        return found if found.ndim == 1 else np.expand_dims(found, self.axis)

    def check(self, output_shape: Tuple[int, ...], split: Split) -> None:  # noqa: D102
        _check_kind(self, split, classes=True)
        if not 1 <= self.axis < len(output_shape):
            raise DataError(
                f"{self.name} on axis {self.axis}, the network gives {output_shape[1:]} a sample.",
                help="choose an output of the network with one value a class",
            )
        expected = list(output_shape[1:])
        expected[self.axis - 1] = 1
        got = split.y.shape[1:] or (1,)
        if tuple(got) != tuple(expected):
            raise DataError(
                f"the network gives outputs of shape {output_shape[1:]} a sample, {self.name} "
                f"wants labels of shape {tuple(expected)}, got {tuple(got)}.",
                help="choose an output of the network with one value a class, or another loss",
            )
        largest, classes = int(split.y.max()), output_shape[self.axis]
        if largest >= classes:
            raise DataError(
                f"the data has the label {largest}, the network gives {classes} values: labels "
                f"0..{classes - 1}.",
                help="use the data that the network was trained on",
            )


@dataclass(frozen=True)
class BinaryLoss(Loss):
    """SigmoidCrossEntropy of logits, or BinaryCrossEntropy of probabilities: each entry yes or no.

    Args:
        name: One of the two.
        one: Whether the network gives one entry a sample, not several.
    """

    one: bool = True

    targets = "either"

    @property
    def accuracy(self) -> str:  # type: ignore[override]  # noqa: D102
        return "accuracy" if self.one else "binary accuracy"

    def elements(self, output: nn.Variable, target: nn.Variable) -> nn.Variable:  # noqa: D102
        target = _like(target, output)
        if self.name == "SigmoidCrossEntropy":
            # NNabla's own function takes the target for a whole number: 0.7 would be 0.
            return F.softplus(output) - output * target
        return F.binary_cross_entropy(output, target)

    def right(self, output: np.ndarray, target: np.ndarray) -> np.ndarray:  # noqa: D102
        found = (output > self._border) == (target.reshape(output.shape) > 0.5)
        return found[:, 0] if found.shape[1:] == (1,) else _mean(found)

    def distillation(  # noqa: D102
        self, student: nn.Variable, teacher: nn.Variable, temperature: float
    ) -> nn.Variable:
        if self.name == "BinaryCrossEntropy":
            return F.mean(F.squared_error(student, teacher))
        student, teacher = (_two_classes(F.reshape(y, (-1, 1))) for y in (student, teacher))
        return softened_divergence(student, teacher, temperature)

    def answers(self, output: np.ndarray) -> np.ndarray:  # noqa: D102
        found = output > self._border
        return found[:, 0].astype(np.int32) if self.one and found.ndim == 2 else found.astype("f4")

    def check(self, output_shape: Tuple[int, ...], split: Split) -> None:  # noqa: D102
        _check_kind(self, split, classes=None)
        _check_sizes(self, output_shape, split)
        if split.y.min() < 0 or split.y.max() > 1:
            raise DataError(
                f"targets lie in {split.y.min():g}..{split.y.max():g}, {self.name} wants 0..1.",
                help="give y_scale=1/255 for 8-bit masks, such as --data FILE.npz,y_scale=1/255",
            )

    @property
    def _border(self) -> float:
        return 0.5 if self.name == "BinaryCrossEntropy" else 0.0


@dataclass(frozen=True)
class NumberLoss(Loss):
    """SquaredError, AbsoluteError or HuberLoss.

    Args:
        name: One of the three.
        delta: Of HuberLoss: up to which difference it is squared, positive.
    """

    delta: float = 1.0

    targets = "numbers"
    accuracy = ""

    def elements(self, output: nn.Variable, target: nn.Variable) -> nn.Variable:  # noqa: D102
        options = {"delta": self.delta} if self.name == "HuberLoss" else {}
        return _NNABLA[self.name](output, _like(target, output), **options)

    def metrics(self, output: np.ndarray, target: np.ndarray) -> Dict[str, np.ndarray]:  # noqa: D102
        apart = output.astype(np.float64) - target.reshape(output.shape)
        return {
            "mean squared error": _mean(apart**2),
            "mean absolute error": _mean(np.abs(apart)),
        }

    def distillation(  # noqa: D102
        self, student: nn.Variable, teacher: nn.Variable, temperature: float
    ) -> nn.Variable:
        return F.mean(F.squared_error(student, teacher))

    def answers(self, output: np.ndarray) -> np.ndarray:  # noqa: D102
        return np.array(output, np.float32)

    def check(self, output_shape: Tuple[int, ...], split: Split) -> None:  # noqa: D102
        _check_kind(self, split, classes=False)
        _check_sizes(self, output_shape, split)


LOSSES: Dict[str, Type[Loss]] = {
    "SoftmaxCrossEntropy": ClassLoss,
    "CategoricalCrossEntropy": ClassLoss,
    "SigmoidCrossEntropy": BinaryLoss,
    "BinaryCrossEntropy": BinaryLoss,
    "SquaredError": NumberLoss,
    "AbsoluteError": NumberLoss,
    "HuberLoss": NumberLoss,
}
"""The losses by NNabla's names."""
_NNABLA: Dict[str, Any] = {
    "SoftmaxCrossEntropy": F.softmax_cross_entropy,
    "CategoricalCrossEntropy": F.categorical_cross_entropy,
    "SquaredError": F.squared_error,
    "AbsoluteError": F.absolute_error,
    "HuberLoss": F.huber_loss,
}


def make_loss(name: str, output_shape: Tuple[int, ...], delta: float = 1.0, axis: int = 1) -> Loss:
    """Returns a loss for what a network gives.

    Args:
        name: A key of ``LOSSES``.
        output_shape: Shape of the output, (B, ...).
        delta: Of HuberLoss, positive.
        axis: Of class losses: which axis the classes are on; may count from the last one.

    Raises:
        ConfigError: If delta is out of range.

    Example:
        >>> make_loss("SoftmaxCrossEntropy", (64, 10)).name
        'SoftmaxCrossEntropy'
    """
    family = LOSSES[name]
    if family is ClassLoss:
        return ClassLoss(name, axis % max(len(output_shape), 1))
    if family is BinaryLoss:
        return BinaryLoss(name, one=int(np.prod(output_shape[1:])) == 1)
    if not 0 < delta < float("inf"):
        raise ConfigError(f"loss {name}: delta is {delta}.", help="give a positive number")
    return NumberLoss(name, delta)


def default_loss(output_shape: Tuple[int, ...]) -> Loss:
    """Returns the loss of a classifier: sigmoid cross entropy for one logit, else softmax's.

    Args:
        output_shape: Shape of the logits, (B, classes).

    Raises:
        DataError: If the logits are no (B, classes) array.

    Example:
        >>> default_loss((8, 10)).name, default_loss((8, 1)).name
        ('SoftmaxCrossEntropy', 'SigmoidCrossEntropy')
    """
    if len(output_shape) != 2:
        raise DataError(
            f"the network gives outputs of shape {output_shape[1:]} a sample, "
            "classification needs one row of logits.",
            help="choose an output of the network with one value a class, or say what it learns: "
            "--loss SquaredError",
        )
    name = "SigmoidCrossEntropy" if output_shape[1] == 1 else "SoftmaxCrossEntropy"
    return make_loss(name, output_shape)


def softened_divergence(
    student: nn.Variable, teacher: nn.Variable, temperature: float, axis: int = 1
) -> nn.Variable:
    """Returns the mean of ``T^2 KL(softmax(teacher / T) || softmax(student / T))``, a scalar.

    Args:
        student: Logits, (B, ...).
        teacher: Likewise.
        temperature: T.
        axis: Which axis the classes are on.
    """
    wanted = F.log_softmax(teacher / temperature, axis=axis)
    got = F.log_softmax(student / temperature, axis=axis)
    return temperature**2 * F.mean(F.sum(F.exp(wanted) * (wanted - got), axis=axis))


def _two_classes(logits: nn.Variable) -> nn.Variable:
    return F.concatenate(0 * logits, logits, axis=1)


def _like(target: nn.Variable, output: nn.Variable) -> nn.Variable:
    return target if target.shape == output.shape else F.reshape(target, output.shape)


def _mean(values: np.ndarray) -> np.ndarray:
    return np.asarray(values.reshape(len(values), -1).mean(axis=1, dtype=np.float64))


def _check_kind(loss: Loss, split: Split, classes: Optional[bool]) -> None:
    if not split.labelled:
        raise DataError(
            f"{loss.name} needs targets, the data has none.",
            help="add y to the data; --distill weight=1 learns without",
        )
    if classes is not None and split.has_classes != classes:
        kinds = {True: "class indices", False: "numbers"}
        raise DataError(
            f"the targets are {kinds[not classes]}, {loss.name} wants {kinds[classes]}.",
            help="choose another loss, such as --loss "
            + ("SquaredError" if classes else "SoftmaxCrossEntropy"),
        )


def _check_sizes(loss: Loss, output_shape: Tuple[int, ...], split: Split) -> None:
    got = split.y.shape[1:] or (1,)
    without = [tuple(size for size in shape if size != 1) for shape in (got, output_shape[1:])]
    if without[0] != without[1]:
        raise DataError(
            f"the targets have the shape {tuple(got)} a sample, the network gives "
            f"{tuple(output_shape[1:])}; {loss.name} needs the same.",
            help="use the data that the network was trained on"
            + (", or --loss SoftmaxCrossEntropy for one class a sample" * split.has_classes),
        )
