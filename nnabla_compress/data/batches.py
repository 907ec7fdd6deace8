# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Batches as a function of a counter, so that a killed run resumes without any stored state."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Iterator, Mapping, Optional, Tuple

import numpy as np

from nnabla_compress.data.augmentation import Augmentation
from nnabla_compress.data.preprocessing import Preprocessing
from nnabla_compress.data.splits import Split
from nnabla_compress.errors import ConfigError

_UNCHANGED = Preprocessing()

# First entry of each seed, so that the streams of one recipe seed never coincide.
_SHUFFLE, _AUGMENT = 1, 2


@dataclass(frozen=True)
class Batch:
    """What one forward pass is fed with.

    Args:
        x: Network inputs, ``float32``, (B, C, H, W) or (B, D).
        y: Targets as NNabla's losses want them: class indices ``int32``, (B, 1), or (B, 1, H, W);
            numbers ``float32``, (B, ...).
        count: How many of the B rows are samples; the others repeat the last one.
        more: Further inputs by name, where a network has several.

    Example:
        >>> Batch(np.zeros((3, 2), np.float32), np.zeros((3, 1), np.int32), 2).mask.tolist()
        [True, True, False]
    """

    x: np.ndarray
    y: np.ndarray
    count: int
    more: Mapping[str, np.ndarray] = field(default_factory=dict)

    @property
    def mask(self) -> np.ndarray:
        """Which rows are samples, bool (B,)."""
        return np.arange(len(self.x)) < self.count

    def part(self, number: int, parts: int) -> Batch:
        """Returns one of several equal parts of its rows.

        Args:
            number: Which, from 0.
            parts: How many there are; they divide the number of rows.
        """
        size = len(self.x) // parts
        rows = slice(number * size, (number + 1) * size)
        count = min(max(self.count - number * size, 0), size)
        more = {name: values[rows] for name, values in self.more.items()}
        return Batch(self.x[rows], self.y[rows], count, more)


class TrainingBatches:
    """An endless shuffled stream of samples, cut into batches that are found by number.

    Sample ``p`` of the stream is entry ``p mod N`` of the permutation of epoch ``p // N``, which
    depends on the seed and the epoch only; the augmentation of a batch depends on the seed and its
    number only. So every sample is used once an epoch, batches all have one size (one may span two
    epochs), and batch ``i`` is the same in any process at any time.

    Args:
        split: Samples to learn from.
        batch_size: Rows of a batch, at least 1.
        seed: Seed of shuffling and augmentation, at least 0.
        preprocessing: From stored samples to network inputs.
        augmentation: Random change of stored samples, before the preprocessing.

    Raises:
        ConfigError: If a number is out of range or the preprocessing does not fit.

    Example:
        >>> split = Split.checked(np.arange(4.0).reshape(4, 1), [0, 1, 2, 3], "example")
        >>> batches = TrainingBatches(split, batch_size=2, seed=7)
        >>> sorted(np.concatenate([batches.batch(0).y, batches.batch(1).y]).ravel().tolist())
        [0, 1, 2, 3]
    """

    def __init__(
        self,
        split: Split,
        batch_size: int,
        seed: int = 0,
        preprocessing: Preprocessing = _UNCHANGED,
        augmentation: Optional[Augmentation] = None,
    ) -> None:
        _positive("batch_size", batch_size)
        if seed < 0:
            raise ConfigError(f"seed={seed} is negative.", help="give a whole number from 0")
        for values in split.arrays.values():
            preprocessing.check(values.shape[1:])
        if augmentation is not None and split.more:
            raise ConfigError(
                "an augmentation is for networks with one input.", help="leave the augmentation out"
            )
        self.split = split
        self.batch_size = batch_size
        self.seed = seed
        self.preprocessing = preprocessing
        self.augmentation = augmentation
        self._permutation: Tuple[int, np.ndarray] = (-1, np.empty(0, np.int64))

    def epoch(self, iteration: int) -> float:
        """Returns how many epochs are complete before a batch, e.g. 1.5.

        Args:
            iteration: Number of the batch, from 0.

        Returns:
            Samples used before it, divided by the size of the split.
        """
        return iteration * self.batch_size / len(self.split)

    def iterations(self, epochs: float) -> int:
        """Returns the number of batches that use every sample ``epochs`` times, rounded up.

        Args:
            epochs: At least 0.

        Returns:
            The least number of batches with that many samples.
        """
        return int(np.ceil(epochs * len(self.split) / self.batch_size))

    def indices(self, iteration: int) -> np.ndarray:
        """Returns which samples a batch is made of.

        Args:
            iteration: Number of the batch, from 0.

        Returns:
            Indices into the split, (B,).
        """
        position = iteration * self.batch_size + np.arange(self.batch_size, dtype=np.int64)
        epochs, entries = np.divmod(position, len(self.split))
        found = np.empty(self.batch_size, np.int64)
        for epoch in np.unique(epochs):
            inside = epochs == epoch
            found[inside] = self._order(int(epoch))[entries[inside]]
        return found

    def batch(self, iteration: int) -> Batch:
        """Returns a batch by number.

        Args:
            iteration: Number of the batch, from 0.

        Returns:
            The batch; all its rows are samples.
        """
        chosen = self.indices(iteration)
        x = self.split.x[chosen]
        if self.augmentation is not None:
            x = self.augmentation(x, _random_state(_AUGMENT, self.seed, iteration))
        more = {name: self.preprocessing(v[chosen]) for name, v in self.split.more.items()}
        return Batch(self.preprocessing(x), _rows(self.split.y, chosen), self.batch_size, more)

    def _order(self, epoch: int) -> np.ndarray:
        if self._permutation[0] != epoch:
            rng = _random_state(_SHUFFLE, self.seed, epoch)
            self._permutation = (epoch, rng.permutation(len(self.split)))
        return self._permutation[1]


def evaluation_batches(
    split: Split, batch_size: int, preprocessing: Preprocessing = _UNCHANGED
) -> Iterator[Batch]:
    """Gives all samples once, in order; the last batch is filled up by repeating its last sample.

    Args:
        split: Samples to evaluate.
        batch_size: Rows of a batch, at least 1.
        preprocessing: From stored samples to network inputs.

    Yields:
        Batches; ``count`` says how many rows count.

    Raises:
        ConfigError: If the batch size is below 1 or the preprocessing does not fit.

    Example:
        >>> split = Split.checked(np.zeros((5, 1)), [0, 1, 2, 3, 4], "example")
        >>> [(batch.count, batch.y.ravel().tolist()) for batch in evaluation_batches(split, 3)]
        [(3, [0, 1, 2]), (2, [3, 4, 4])]
    """
    _positive("batch_size", batch_size)
    for start in range(0, len(split), batch_size):
        chosen = np.minimum(np.arange(start, start + batch_size), len(split) - 1)
        count = min(batch_size, len(split) - start)
        more = {name: preprocessing(values[chosen]) for name, values in split.more.items()}
        yield Batch(preprocessing(split.x[chosen]), _rows(split.y, chosen), count, more)


def _rows(y: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    return y[chosen][:, np.newaxis] if y.ndim == 1 else y[chosen]


def _random_state(*entropy: int) -> np.random.RandomState:
    # SeedSequence mixes the numbers well; RandomState's streams are the same in any NumPy version.
    return np.random.RandomState(np.random.SeedSequence(entropy).generate_state(8))


def _positive(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise ConfigError(f"{name}={value!r} must be a whole number from 1.")
