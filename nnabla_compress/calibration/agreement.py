# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How close the outputs of a quantized network are to those of the float one, without labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

import numpy as np

from nnabla_compress.graph.compare import decibels, same_class


@dataclass(frozen=True)
class Agreement:
    """Measures over some samples.

    Args:
        snr: Signal-to-noise ratio ``10 log10(sum y^2 / sum (y - q)^2)`` in dB; 300 at most, which
            stands for no noise at all.
        kl: Mean divergence ``sum p log(p / p_q)`` of the softmax of the outputs, in nats; None if
            the network has no single row of scores.
        same_class: Part of the samples whose largest score is the same one, 0 to 1; None likewise.
    """

    snr: float
    kl: Optional[float] = None
    same_class: Optional[float] = None


def agreement(expected: Sequence[np.ndarray], got: Sequence[np.ndarray]) -> Agreement:
    """Compares outputs.

    Args:
        expected: Each output of the float network.
        got: Each output of the quantized one.

    Example:
        >>> found = agreement([np.float32([[10, 0]])], [np.float32([[9, 0]])])
        >>> found.snr, found.same_class
        (20.0, 1.0)
    """
    pairs = [(a.astype(np.float64), b.astype(np.float64)) for a, b in zip(expected, got)]
    noise = sum(float(np.square(a - b).sum()) for a, b in pairs)
    snr = decibels(sum(float(np.square(a).sum()) for a, _ in pairs), noise)
    a, b = pairs[0]
    same = same_class(a, b) if len(pairs) == 1 else None
    if same is None:
        return Agreement(snr)
    log_p, log_q = (y - _log_sum_exp(y) for y in (a, b))
    kl = float((np.exp(log_p) * (log_p - log_q)).sum(axis=1).mean())
    return Agreement(snr, kl, same)


def _log_sum_exp(y: np.ndarray) -> np.ndarray:
    top = y.max(axis=1, keepdims=True)
    return np.asarray(top + np.log(np.exp(y - top).sum(axis=1, keepdims=True)))
