# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""When an exit is confident enough: thresholds for how many samples shall leave at each.

The share of samples that shall leave at exit k is ``q_k = p^k / sum_j p^j``: a small p lets most
leave early. On samples of known answers' confidences, exit by exit, the threshold is the confidence
of the ``floor(N q_k)``-th most confident one of those still there; where that is none, or fewer are
left, nobody leaves. All that reach the last exit leave there (G. Huang et al., Multi-Scale Dense
Networks, arXiv:1703.09844; L. Yang et al., arXiv:2003.07326).
"""

from __future__ import annotations

import numpy as np

NOBODY = 1e8
"""A threshold that no confidence reaches."""


def confidences(logits: np.ndarray) -> np.ndarray:
    """Returns the probability of the most likely class of each sample.

    Args:
        logits: (..., classes); one logit stands for two classes.

    Example:
        >>> confidences(np.log(np.array([[1.0, 3.0], [1.0, 1.0]])))
        array([0.75, 0.5 ])
    """
    values = np.asarray(logits, np.float64)
    if values.shape[-1] == 1:
        values = np.concatenate([np.zeros_like(values), values], axis=-1)
    values = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(values.max(axis=-1) / values.sum(axis=-1))


def find_thresholds(confidence: np.ndarray, p: float) -> np.ndarray:
    """Returns the confidence at which samples leave, for each exit.

    Args:
        confidence: Of each exit and sample, (exits, samples).
        p: Ratio of the shares of one exit and the one before it, positive.

    Example:
        >>> first = [0.9, 0.5, 0.8, 0.4, 0.6, 0.95, 0.3, 0.7]
        >>> second = [0.9, 0.8, 0.9, 0.6, 0.7, 0.99, 0.85, 0.75]
        >>> find_thresholds(np.array([first, second, [1.0] * 8]), p=0.5)[:2]
        array([0.7, 0.8])
    """
    exits, samples = confidence.shape
    # Relative to the largest power, so that none overflows.
    powers = np.log(p) * np.arange(1, exits + 1)
    shares = np.exp(powers - powers.max())
    counts = np.floor(samples * shares / shares.sum() + 1e-9).astype(int)
    found = np.full(exits, NOBODY)
    there = np.ones(samples, bool)
    for number in range(exits - 1):
        left = np.sort(confidence[number][there])[::-1]
        if 0 < counts[number] <= len(left):
            found[number] = left[counts[number] - 1]
            there &= confidence[number] < found[number]
    found[-1] = -np.inf
    return found


def leave(confidence: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Returns the exit at which each sample leaves, from 0: the first that is confident enough.

    Args:
        confidence: As of :func:`find_thresholds`.
        thresholds: As it returned them.

    Example:
        >>> leave(np.array([[0.9, 0.5], [0.9, 0.9]]), np.array([0.7, -np.inf]))
        array([0, 1])
    """
    return np.argmax(confidence >= thresholds[:, np.newaxis], axis=0)
