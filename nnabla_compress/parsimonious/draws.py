# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Draws from distributions that NumPy lacks, all from one generator, so a seed fixes them."""

from __future__ import annotations

import numpy as np

# Terms of the sum that a Polya-Gamma variable is; one gamma variable stands for the others.
_TERMS = 5
_SMALL_TILT = 1e-2  # below it the moments are those at 0, to five digits


def polya_gamma(b: np.ndarray, c: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Draws Polya-Gamma variables PG(b, c).

    ::

        PG(b, c) = 1 / (2 pi^2) sum_n Gamma(b) / ((n - 1/2)^2 + c^2 / (4 pi^2))

    Its first five terms are drawn; the others are one gamma variable of their mean and variance.

    Args:
        b: Shapes, positive.
        c: Tilts, of the same shape.
        rng: What draws.

    References:
        N. Polson, J. Scott and J. Windle, Bayesian inference for logistic models using
        Polya-Gamma latent variables, arXiv:1205.0310.

    Example:
        >>> rng = np.random.RandomState(0)
        >>> drawn = polya_gamma(np.full(100000, 2.0), np.full(100000, 3.0), rng)
        >>> round(float(drawn.mean()), 2), round(2 / 6 * float(np.tanh(1.5)), 2)
        (0.3, 0.3)
    """
    b = np.asarray(b, np.float64)
    tilt = np.maximum(np.abs(np.asarray(c, np.float64)), _SMALL_TILT)
    half = np.tanh(tilt / 2)
    mean = b / (2 * tilt) * half
    variance = b / (4 * tilt**3) * (2 * half - tilt * (1 - half**2))
    drawn = np.zeros_like(mean)
    for n in range(1, _TERMS + 1):
        factor = 1 / (2 * np.pi**2 * (n - 0.5) ** 2 + tilt**2 / 2)
        drawn += factor * rng.standard_gamma(b)
        mean -= b * factor
        variance -= b * factor**2
    mean, variance = np.maximum(mean, 1e-300), np.maximum(variance, 1e-300)
    return drawn + rng.standard_gamma(mean**2 / variance) * variance / mean


def positive_poisson(rate: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Draws Poisson variables that are 1 at least.

    The first arrival is drawn within the time that there is, then those behind it.

    Args:
        rate: Means of the distributions before they are cut off, above 0.
        rng: What draws.

    Example:
        >>> rng = np.random.RandomState(0)
        >>> drawn = positive_poisson(np.full(100000, 0.5), rng)
        >>> int(drawn.min()), round(float(drawn.mean()), 2), round(0.5 / (1 - np.exp(-0.5)), 2)
        (1, 1.27, 1.27)
    """
    rate = np.maximum(np.asarray(rate, np.float64), 1e-300)
    first = -np.log1p(rng.random_sample(rate.shape) * np.expm1(-rate))
    return 1 + rng.poisson(np.maximum(rate - first, 0.0))


def shared_out(counts: np.ndarray, weights: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Draws a multinomial variable for each row.

    Args:
        counts: How many to share out, (N,).
        weights: What the chances are proportional to, (N, K).
        rng: What draws.

    Returns:
        (N, K); rows add up to the counts.

    Example:
        >>> rng = np.random.RandomState(0)
        >>> shared_out(np.array([4, 0]), np.array([[1.0, 0.0], [1.0, 1.0]]), rng).tolist()
        [[4, 0], [0, 0]]
    """
    left = np.asarray(counts).copy()
    of_rest = np.cumsum(weights[:, ::-1], axis=1)[:, ::-1]
    found = np.zeros(weights.shape, np.int64)
    for k in range(weights.shape[1] - 1):
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = np.where(of_rest[:, k] > 0, weights[:, k] / of_rest[:, k], 0.0)
        found[:, k] = rng.binomial(left, np.clip(chance, 0.0, 1.0))
        left -= found[:, k]
    found[:, -1] = left
    return found


def tables(counts: np.ndarray, concentration: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Draws how many tables customers of a Chinese restaurant take.

    ::

        sum_{j = 1..m} Bernoulli(r / (r + j - 1))

    Args:
        counts: Customers m, whole numbers of any shape.
        concentration: r, positive, broadcast to that shape.
        rng: What draws.

    Example:
        >>> tables(np.array([0, 1, 50]), np.array(1e9), np.random.RandomState(0)).tolist()
        [0, 1, 50]
    """
    counts = np.asarray(counts)
    r = np.broadcast_to(np.asarray(concentration, np.float64), counts.shape)
    found = np.zeros(counts.shape, np.int64)
    there = np.flatnonzero(counts.ravel())
    flat, left, rates = found.ravel(), counts.ravel(), r.ravel()
    seated = 0
    while there.size:
        chance = rates[there] / (rates[there] + seated)
        flat[there] += rng.random_sample(there.size) < chance
        seated += 1
        there = there[left[there] > seated]
    return flat.reshape(counts.shape)
