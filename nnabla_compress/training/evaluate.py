# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How well a network classifies a split: loss and accuracy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.data import Preprocessing, Split, evaluation_batches
from nnabla_compress.errors import DataError

Build = Callable[[nn.Variable, bool], nn.Variable]


@dataclass(frozen=True)
class Score:
    """What an evaluation found.

    Args:
        loss: Mean loss of a sample.
        accuracy: Share of samples whose class was found, 0 to 1.
        samples: Number of samples.

    Example:
        >>> Score(loss=0.5, accuracy=0.9173, samples=10000).error
        0.0827
    """

    loss: float
    accuracy: float
    samples: int

    @property
    def error(self) -> float:
        """Share of samples whose class was not found, 0 to 1."""
        return round(1 - self.accuracy, 12)

    def better_than(self, other: Score) -> bool:
        """Returns whether the accuracy is higher, or equal at a lower loss."""
        return (self.accuracy, -self.loss) > (other.accuracy, -other.loss)


def sample_losses(logits: nn.Variable, labels: nn.Variable) -> nn.Variable:
    """Returns the loss of each sample, (B, 1): binary cross-entropy for one logit, else softmax's.

    Args:
        logits: (B, classes); a single column is the logit of class 1.
        labels: Class indices, (B, 1).

    Raises:
        DataError: If the logits are no (B, classes) array.
    """
    if logits.ndim != 2:
        raise DataError(
            f"the network gives outputs of shape {logits.shape[1:]} a sample, "
            "classification needs one row of logits.",
            help="choose an output of the network with one value a class",
        )
    if logits.shape[1] == 1:
        return F.sigmoid_cross_entropy(logits, labels)
    return F.softmax_cross_entropy(logits, labels)


def right(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns which rows of logits have their largest value at the label, bool (B,).

    Example:
        >>> right(np.float32([[1, 2], [3, 0]]), np.int32([[1], [1]])).tolist()
        [True, False]
    """
    if logits.shape[1] == 1:
        return (logits[:, 0] > 0) == labels[:, 0].astype(bool)
    return np.argmax(logits, axis=1) == labels[:, 0]


class Evaluator:
    """A graph in inference mode that is built once and scores splits.

    Args:
        build: The network: ``build(x, test)`` gives logits.
        sample_shape: Shape of a sample, without the batch axis.
        batch_size: Samples of a forward pass.
        preprocessing: From stored samples to network inputs.
    """

    def __init__(
        self,
        build: Build,
        sample_shape: tuple,
        batch_size: int,
        preprocessing: Preprocessing,
    ) -> None:
        self.batch_size = batch_size
        self.preprocessing = preprocessing
        self.x = nn.Variable((batch_size, *sample_shape))
        self.labels = nn.Variable((batch_size, 1))
        with nn.auto_forward(False):
            self.logits = build(self.x, True)
            self.losses = sample_losses(self.logits, self.labels)
        self.logits.persistent = True

    def score(self, split: Split) -> Score:
        """Returns loss and accuracy over all samples of a split."""
        loss, hits = 0.0, 0
        for batch in evaluation_batches(split, self.batch_size, self.preprocessing):
            self.x.d, self.labels.d = batch.x, batch.y
            self.losses.forward(clear_no_need_grad=True)
            loss += float(self.losses.d[: batch.count].sum(dtype=np.float64))
            hits += int(right(self.logits.d, batch.y)[: batch.count].sum())
        return Score(loss / len(split), hits / len(split), len(split))


def evaluate(
    build: Build, split: Split, preprocessing: Preprocessing, batch_size: int = 100
) -> Score:
    """Scores a network on a split.

    Args:
        build: The network: ``build(x, test)`` gives logits.
        split: Samples and labels.
        preprocessing: From stored samples to network inputs.
        batch_size: Samples of a forward pass.

    Returns:
        Loss and accuracy.

    Raises:
        DataError: If the network's output is no row of logits.

    Example:
        >>> split = Split.checked(np.eye(2, dtype=np.float32), [0, 1], "example")
        >>> evaluate(lambda x, test: x * 1, split, Preprocessing(), batch_size=2).accuracy
        1.0
    """
    size = min(batch_size, len(split))
    return Evaluator(build, split.x.shape[1:], size, preprocessing).score(split)
