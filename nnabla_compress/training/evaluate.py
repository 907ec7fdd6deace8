# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How well a network does on a split: its loss, and what else the loss measures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple, Union

import nnabla as nn
import numpy as np
from nnabla_ext.cpu import clear_memory_cache

from nnabla_compress.data import Preprocessing, Split, evaluation_batches
from nnabla_compress.errors import DataError, FixedBatchError
from nnabla_compress.graph.cpu_kernels import with_cpu_kernels
from nnabla_compress.graph.exits import are_exits, in_order
from nnabla_compress.progress import tracked
from nnabla_compress.training.feed import Feed
from nnabla_compress.training.losses import Loss, default_loss
from nnabla_compress.turns import one_at_a_time

# What a network gives: its output, or several by name.
Made = Union[nn.Variable, Mapping[str, nn.Variable]]
# A network: what it makes of its input (several by name in a dict), and whether it infers.
Build = Callable[[Any, bool], Made]
See = Callable[[np.ndarray], None]
_RIGHT = "right answers of exit "


def outputs_of(made: Made) -> Dict[str, nn.Variable]:
    """Returns the outputs of a network by name; one alone is called y.

    Args:
        made: What the network gives.
    """
    return {"y": made} if isinstance(made, nn.Variable) else dict(made)


def judged(made: Made) -> nn.Variable:
    """Returns the output that a loss acts on.

    Args:
        made: What the network gives.

    Raises:
        DataError: If it gives several.
    """
    if isinstance(made, nn.Variable):
        return made
    if len(made) == 1:
        return next(iter(made.values()))
    if are_exits(made):
        raise DataError(
            f"the network has {len(made)} exits; this takes networks of one output.",
            help="do it before add_exits; steps that know exits are train, quantize, calibrate, "
            "and transforms",
        )
    raise DataError(
        f"the network has {len(made)} outputs: {', '.join(made)}; a loss acts on one.",
        help="train and score it in a script of your own; 'compress' without --epochs, 'ptq', "
        "'export' and 'verify' take all outputs",
    )


def learned(made: Made) -> List[nn.Variable]:
    """Returns the outputs that losses act on: the exits in order, else the only output.

    Args:
        made: What the network gives.

    Raises:
        DataError: If it gives several outputs that are no exits.
    """
    if isinstance(made, nn.Variable) or not are_exits(made):
        return [judged(made)]
    return in_order(made)


@dataclass(frozen=True)
class Score:
    """What an evaluation found.

    Args:
        loss: Mean loss of a sample.
        accuracy: Share of right answers, 0 to 1: samples whose class was found, or entries of
            several answers a sample; None where targets are numbers.
        samples: Number of samples.
        metrics: Further measures by name, smaller ones being better.
        accuracy_name: What the accuracy is called.
        loss_name: Name of the loss.
        doubts: What speaks against believing it, in sentences.
        exit_accuracies: Accuracies of all exits in order, the last one's is ``accuracy``; none of a
            network without exits.

    Example:
        >>> Score(loss=0.5, accuracy=0.9173, samples=10000).error
        0.0827
    """

    loss: float
    accuracy: Optional[float]
    samples: int
    metrics: Dict[str, float] = field(default_factory=dict)
    accuracy_name: str = "accuracy"
    loss_name: str = ""
    doubts: Tuple[str, ...] = ()
    exit_accuracies: Tuple[float, ...] = ()

    @property
    def error(self) -> Optional[float]:
        """Share of wrong answers, 0 to 1; None where targets are numbers."""
        return None if self.accuracy is None else round(1 - self.accuracy, 12)

    def better_than(self, other: Score) -> bool:
        """Returns whether the accuracy is higher; if equal, that of all exits, then the loss."""
        first, second = (
            (score.accuracy or 0, sum(score.exit_accuracies), -score.loss)
            for score in (self, other)
        )
        return first > second


class Evaluator:
    """A graph in inference mode that is built once and scores splits.

    Args:
        build: The network, ``build(x, test)``.
        split: Samples of the shapes to score.
        batch_size: Samples of a forward pass.
        preprocessing: From stored samples to network inputs.
        loss: What outputs are compared with targets by; by default a classifier's.
        cpu_kernels: As of :class:`~nnabla_compress.training.TrainingSettings`.

    Raises:
        DataError: If the targets don't fit the network's output.
    """

    @one_at_a_time
    def __init__(
        self,
        build: Build,
        split: Split,
        batch_size: int,
        preprocessing: Preprocessing,
        loss: Optional[Loss] = None,
        cpu_kernels: bool = True,
    ) -> None:
        self.batch_size = batch_size
        self.preprocessing = preprocessing
        self.feed = Feed(split, batch_size)
        with nn.auto_forward(False):
            self.outputs = learned(build(self.feed.inputs, True))
            self.feed.look(self.outputs)
            if cpu_kernels:
                self.outputs = with_cpu_kernels(self.outputs)
            self.output = self.outputs[-1]
            self.loss = loss if loss is not None else default_loss(self.output.shape)
            self.loss.check(self.output.shape, split)
            self.losses = self.loss.samples(self.output, self.feed.targets)
        for output in (self.losses, *self.outputs):
            output.persistent = True

    @one_at_a_time
    def score(self, split: Split, see: Optional[See] = None) -> Score:
        """Returns the means over all samples of a split.

        Args:
            split: The samples.
            see: As of :func:`evaluate`.
        """
        sums: Dict[str, float] = {}
        batches = evaluation_batches(split, self.batch_size, self.preprocessing)
        for batch in tracked("scoring", batches, -(-len(split) // self.batch_size)):
            self.feed.put(batch)
            nn.forward_all([self.losses, *self.outputs], clear_buffer=True)
            output = self.output.d
            if see is not None:
                see(output[: batch.count])
            found = {"": self.losses.d, **self.loss.metrics(output, batch.y)}
            for number, each in enumerate(self.outputs):
                right = self.loss.right(each.d, batch.y)
                if right is not None:
                    found[f"{_RIGHT}{number}"] = right
            for name, values in found.items():
                total = float(values[: batch.count].sum(dtype=np.float64))
                sums[name] = sums.get(name, 0.0) + total
        means = {name: total / len(split) for name, total in sums.items()}
        loss = means.pop("")
        shares = [means.pop(f"{_RIGHT}{n}") for n in range(len(self.outputs)) if self.loss.accuracy]
        return Score(
            loss,
            shares[-1] if shares else None,
            len(split),
            means,
            self.loss.accuracy or "accuracy",
            self.loss.name,
            exit_accuracies=tuple(shares) if len(shares) > 1 else (),
        )


@one_at_a_time
def evaluate(
    build: Build,
    split: Split,
    preprocessing: Preprocessing,
    batch_size: int = 100,
    loss: Optional[Loss] = None,
    see: Optional[See] = None,
) -> Score:
    """Scores a network on a split.

    Args:
        build: The network, ``build(x, test)``.
        split: Samples and targets.
        preprocessing: From stored samples to network inputs.
        batch_size: Samples of a forward pass.
        loss: What outputs are compared with targets by; by default a classifier's.
        see: Called with the outputs of each batch, (rows, ...), another's memory; of exits with
            those of the last one.

    Returns:
        The loss, and the accuracy or the metrics.

    Raises:
        DataError: If the network's output is no row of logits, or does not fit the loss.

    Example:
        >>> split = Split.checked(np.eye(2, dtype=np.float32), [0, 1], "example")
        >>> evaluate(lambda x, test: x * 1, split, Preprocessing(), batch_size=2).accuracy
        1.0
    """
    size = min(batch_size, len(split))
    try:
        evaluator = Evaluator(build, split, size, preprocessing, loss)
    except FixedBatchError as error:
        evaluator = Evaluator(build, split, error.rows, preprocessing, loss)
    score = evaluator.score(split, see)
    del evaluator
    clear_memory_cache()  # NNabla keeps freed memory, which arrays of other sizes don't take
    return score
