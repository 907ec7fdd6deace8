# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Accuracies of bits that were never measured, as a sum of what each layer's bits do."""

from __future__ import annotations

from typing import Sequence, Tuple

import numpy as np

from nnabla_compress.search.space import Bits


class AdditiveModel:
    """An accuracy that is a sum over layers, each with a number for each of its bit widths.

    The numbers are fitted by least squares to what was measured, with a small penalty on their
    squares, which decides where a layer's bits were seldom tried.

    Args:
        choices: For each layer its bit widths.
        bits: (N, layers), what was measured.
        accuracies: (N,).
        penalty: Of the squares, beside the sum of squared errors.

    Example:
        >>> model = AdditiveModel(((2, 4), (2, 4)), [(2, 2), (2, 4), (4, 2)], [50, 70, 60], 1e-6)
        >>> round(model((4, 4)))
        80
    """

    def __init__(
        self,
        choices: Tuple[Tuple[int, ...], ...],
        bits: Sequence[Bits],
        accuracies: Sequence[float],
        penalty: float = 1.0,
    ) -> None:
        self._choices, self._penalty = choices, penalty
        self._known, self._values = self._which(np.array(bits)), np.array(accuracies, np.float64)
        self._fitted = self._fit(self._known, self._values)

    def __call__(self, bits: Bits) -> float:
        """Returns the accuracy of bits.

        Args:
            bits: Bits of each layer.
        """
        return float(self._of(self._which(np.array([bits])), self._fitted)[0])

    def error(self, parts: int = 5, seed: int = 0) -> float:
        """Returns the root of the mean squared error on what was measured, cross-validated.

        Args:
            parts: Each is foreseen by a model of the others.
            seed: Of how they are divided.
        """
        part = np.random.RandomState(seed).permutation(len(self._values)) % parts
        squares = 0.0
        for held in range(parts):
            fitted = self._fit(self._known[part != held], self._values[part != held])
            missed = self._of(self._known[part == held], fitted) - self._values[part == held]
            squares += float(np.sum(missed**2))
        return float(np.sqrt(squares / len(self._values)))

    def _which(self, bits: np.ndarray) -> np.ndarray:
        """1 where a layer has a width, a column for each."""
        columns = [bits[:, n, None] == np.array(own) for n, own in enumerate(self._choices)]
        return np.concatenate(columns, axis=1).astype(np.float64)

    def _fit(self, known: np.ndarray, values: np.ndarray) -> Tuple[float, np.ndarray, np.ndarray]:
        middle, centre = float(values.mean()), known.mean(axis=0)
        x = known - centre
        squares = x.T @ x + self._penalty * np.eye(x.shape[1])
        return middle, centre, np.linalg.solve(squares, x.T @ (values - middle))

    @staticmethod
    def _of(known: np.ndarray, fitted: Tuple[float, np.ndarray, np.ndarray]) -> np.ndarray:
        middle, centre, numbers = fitted
        found: np.ndarray = middle + (known - centre) @ numbers
        return found
