# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How many directions of a matrix stand out of noise: empirical variational Bayes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nnabla_compress.decompositions.ranks import singular_values


class Evbmf(NamedTuple):
    """What is found.

    Args:
        rank: Singular values that stand out.
        noise: Variance of the noise.
    """

    rank: int
    noise: float


def evbmf(matrix: np.ndarray) -> Evbmf:
    r"""Estimates the rank of a matrix of low rank to which noise was added, and this noise.

    For a matrix of L rows and M columns, L <= M, and ``a = L / M`` a singular value counts if::

        s > sqrt(M v x),    x = (1 + t) (1 + a / t),    t = 2.5129 sqrt(a)

    where the variance v of the noise is the one of least free energy that a bounded search of all
    possible ones finds; networks' weights may have several such.

    Args:
        matrix: Of shape (m, n).

    Returns:
        The rank, which may be 0, and the variance of the noise.

    References:
        S. Nakajima et al., Global analytic solution of fully-observed variational Bayesian matrix
        factorization, JMLR 14, 2013.

    Example:
        >>> rng = np.random.RandomState(0)
        >>> signal = rng.randn(30, 5) @ rng.randn(5, 100)
        >>> evbmf(signal + 0.1 * rng.randn(30, 100)).rank
        5
    """
    rows, columns = sorted(matrix.shape)
    energy = np.square(singular_values(matrix))
    if not energy.sum() > 0:
        return Evbmf(0, 0.0)
    a = rows / columns
    t = 2.5129 * np.sqrt(a)
    limit = (1 + t) * (1 + a / t)
    most = int(np.ceil(rows / (1 + a))) - 1
    # Exact zeros would make the noise, and the logarithm of what is left, infinite.
    energy = np.maximum(energy, 1e-14 * energy[0])
    tail = energy[most:]
    lower = max(
        float(energy[min(most, rows - 1)] / (columns * limit)), float(tail.mean() / columns)
    )
    upper = float(energy.sum() / (rows * columns))

    def free_energy(variance: float) -> float:
        x = energy / (columns * variance)
        below, above = x[x <= limit], x[x > limit]
        root = np.sqrt(np.maximum((above - (1 + a)) ** 2 - 4 * a, 0))
        tau = 0.5 * (above - (1 + a) + root)
        parts = np.sum(below - np.log(below)) + np.sum(above - tau)
        return float(parts + np.sum(np.log((tau + 1) / above)) + a * np.sum(np.log(tau / a + 1)))

    if upper > lower:
        # It takes longer to load than all of this package.
        from scipy.optimize import minimize_scalar

        found = minimize_scalar(free_energy, bounds=(lower, upper), method="bounded")
        variance = float(found.x)
    else:
        variance = lower
    return Evbmf(int((energy > columns * variance * limit).sum()), variance)
