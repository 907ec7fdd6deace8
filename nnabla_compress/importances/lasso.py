# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sparse regression: few weights explain what is seen.

Minimizes ``1/2 sum_n h_n (g_n - w z_n)^2 + penalty ||w||_1``, of which only the moments
``G = sum h z z^T`` and ``m = sum h g z`` are needed, by coordinate descent: each weight in turn
becomes the best one for those that the others have.

J. Friedman, T. Hastie, R. Tibshirani, Regularization paths for generalized linear models via
coordinate descent, J. Stat. Softw. 33 (2010).
"""

from __future__ import annotations

import numpy as np

_MOST_ROUNDS = 10000
_EXACT = 1e-10  # of the largest weight


def largest_penalty(moments: np.ndarray) -> float:
    """Returns the penalty from which all weights are zero: ``max |m|``.

    Args:
        moments: ``m``, (weights,).
    """
    return float(np.abs(moments).max(initial=0.0))


def lasso(gram: np.ndarray, moments: np.ndarray, penalty: float) -> np.ndarray:
    """Returns the weights that minimize ``1/2 w G w - m w + penalty ||w||_1``.

    Args:
        gram: ``G``, (weights, weights); a weight whose entry on the diagonal is zero becomes zero.
        moments: ``m``, (weights,).
        penalty: At least 0.

    Returns:
        (weights,), float64.

    Example:
        >>> lasso(np.array([[4.0, 0.0], [0.0, 1.0]]), np.array([8.0, 1.5]), 2.0).tolist()
        [1.5, 0.0]
    """
    gram, moments = np.asarray(gram, np.float64), np.asarray(moments, np.float64)
    size = np.diag(gram)
    seen = np.flatnonzero(size > 0)
    weights = np.zeros(len(moments))
    left = moments.copy()  # m - G w
    for _ in range(_MOST_ROUNDS):
        most = 0.0
        for k in seen:
            old = weights[k]
            pull = left[k] + size[k] * old
            new = np.sign(pull) * max(abs(pull) - penalty, 0.0) / size[k]
            if new != old:
                left -= (new - old) * gram[k]
                weights[k] = new
                most = max(most, abs(new - old))
        if most <= _EXACT * max(np.abs(weights).max(initial=0.0), 1e-300):
            break
    return weights
