# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Hyperplanes that together support one class: a noisy-or of soft half-spaces.

::

    lambda(x) = sum_k r_k ln(1 + exp(x' beta_k)),        P(y = 1 | x) = 1 - exp(-lambda(x))

which is 1 minus the product of what each hyperplane alone leaves to the other class.

M. Zhou, Parsimonious Bayesian deep networks, NeurIPS 2018, arXiv:1805.08719.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


def softplus(x: np.ndarray) -> np.ndarray:
    """Returns ln(1 + exp(x)).

    Args:
        x: Numbers.
    """
    return np.logaddexp(0.0, x)


def with_ones(x: np.ndarray) -> np.ndarray:
    """Returns covariates with a column of ones behind them, which the biases multiply.

    Args:
        x: (N, V).
    """
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


@dataclass(frozen=True)
class Hyperplanes:
    """The hyperplanes of one side of a layer.

    Args:
        beta: Their weights, (V + 1, K); the last row are the biases.
        rates: How much each counts, (K,), positive.

    Example:
        >>> two = Hyperplanes(np.array([[2.0, -1], [0, 3], [-0.5, 0.2]]), np.array([1, 0.5]))
        >>> x = np.array([[1.0, 0], [0, 1], [-1, -1]])
        >>> two.intensity(x).round(6).tolist(), two.probability(x).round(6).tolist()
        ([1.886964, 2.094054, 0.155379], [0.848469, 0.876813, 0.143909])
    """

    beta: np.ndarray
    rates: np.ndarray

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self.rates)

    def features(self, x: np.ndarray) -> np.ndarray:
        """Returns what the next layer reads: ln(1 + exp(x' beta_k)), (N, K).

        Args:
            x: Covariates, (N, V).
        """
        return softplus(with_ones(x) @ self.beta)

    def intensity(self, x: np.ndarray) -> np.ndarray:
        """Returns lambda, (N,).

        Args:
            x: Covariates, (N, V).
        """
        return np.asarray(self.features(x) @ self.rates)

    def probability(self, x: np.ndarray) -> np.ndarray:
        """Returns P(y = 1 | x), (N,).

        Args:
            x: Covariates, (N, V).
        """
        return np.asarray(-np.expm1(-self.intensity(x)))

    def log_likelihood(self, x: np.ndarray, y: np.ndarray) -> float:
        """Returns the logarithm of the likelihood of labels.

        Args:
            x: Covariates, (N, V).
            y: Labels 0 or 1, (N,).
        """
        return log_likelihood(self.intensity(x), y)


def log_likelihood(intensity: np.ndarray, y: np.ndarray) -> float:
    """Returns the logarithm of the likelihood of labels.

    Args:
        intensity: lambda, (N,).
        y: Labels 0 or 1, (N,).

    Example:
        >>> round(log_likelihood(np.array([np.log(2), np.log(2)]), np.array([1, 0])), 6)
        -1.386294
    """
    held = np.maximum(intensity, 1e-300)
    return float(np.where(y == 1, np.log(-np.expm1(-held)), -held).sum())
