# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The range that keeps most of the information: least Kullback-Leibler divergence.

S. Migacz, 8-bit inference with TensorRT, GPU Technology Conference 2017.
"""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.quantizers import Affine

_SHRINKINGS = np.arange(100, 4, -2) / 100


def kl(statistics: Statistics, quantizer: Affine) -> Tuple[float, float]:
    """Returns the range, of clipped ones, with the least divergence ``sum p log(p / q)``.

    p are the shares of the histogram's bins, those outside the range added to its outermost bins; q
    has the shares of the bins inside that one code stands for, spread evenly over those of them
    that are not empty. Values in the bins next to 0 are left out: 0 is always exact, and after a
    ReLU so frequent that it would outweigh all others.

    Args:
        statistics: What was seen of the tensor.
        quantizer: What the range is for.

    Example:
        >>> statistics = Statistics("x")
        >>> values = np.random.RandomState(0).randn(100000).astype(np.float32)
        >>> statistics.update(np.append(values, np.float32(20)))
        >>> low, high = kl(statistics, Affine(bits=6, symmetric=False))
        >>> -5 < low < -2 and 2 < high < 5
        True
    """
    middles, counts = statistics.bins()
    width = np.diff(middles).min() if len(middles) > 1 else np.inf
    kept = np.abs(middles) > width
    middles, counts = middles[kept], counts[kept]
    peak = max(-statistics.low, statistics.high)
    best, least = (statistics.low, statistics.high), np.inf
    if not len(middles):
        return best
    ranges = [statistics.clipped(part * peak) for part in _SHRINKINGS]
    grid = quantizer.grid(*quantizer.scale_and_zero_point(*np.transpose(ranges)))
    for tried, *codes in zip(ranges, grid.scale, grid.lower, grid.upper):
        divergence = _divergence(middles, counts, tried, *codes)
        if divergence < least - 1e-12:
            best, least = tried, divergence
    return best


def _divergence(
    middles: np.ndarray,
    counts: np.ndarray,
    ends: Tuple[float, float],
    scale: float,
    lower: float,
    upper: float,
) -> float:
    inside = (middles >= ends[0]) & (middles <= ends[1])
    if not inside.any():
        return np.inf
    first, last = np.flatnonzero(inside)[[0, -1]]
    plain = counts[first : last + 1]
    reference = plain.copy()
    reference[0] += counts[:first].sum()
    reference[-1] += counts[last + 1 :].sum()
    codes = np.rint(middles[first : last + 1] / float(scale))
    codes = np.clip(codes, lower, upper).astype(np.int64)
    codes -= codes.min()
    share = np.bincount(codes, plain) / np.maximum(np.bincount(codes), 1)
    spread = share[codes]
    p, q = reference / reference.sum(), spread / spread.sum()
    return float(np.dot(p, np.log(p / q)))
