# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The range with the least mean squared error of the values seen."""

from __future__ import annotations

from typing import List, Sequence, Tuple

import numpy as np

from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.quantizers import Affine

_SHRINKINGS = np.arange(100, 4, -2) / 100


def mse(statistics: Statistics, quantizer: Affine) -> Tuple[float, float]:
    """Returns the range for which the quantized values differ least from the values seen.

    Both ends are clipped at one magnitude first, then either of them is moved alone; the error is
    that of the middles of the histogram's bins.

    Args:
        statistics: What was seen of the tensor.
        quantizer: What the range is for.

    Example:
        >>> statistics = Statistics("x")
        >>> values = np.random.RandomState(0).randn(100000).astype(np.float32)
        >>> statistics.update(np.append(values, np.float32(20)))
        >>> low, high = mse(statistics, Affine(bits=4, symmetric=False))
        >>> -4 < low < -2 and 2 < high < 4
        True
    """
    middles, counts = statistics.bins()
    peak = max(-statistics.low, statistics.high)
    best, least = (statistics.low, statistics.high), np.inf
    for tries in (
        lambda best, part: statistics.clipped(part * peak),
        lambda best, part: (part * best[0], best[1]),
        lambda best, part: (best[0], part * best[1]),
    ):
        ends = [tries(best, part) for part in _SHRINKINGS]
        for tried, error in zip(ends, _errors(middles, counts, quantizer, ends)):
            if error < least * (1 - 1e-9):
                best, least = tried, error
    return best


def _errors(
    middles: np.ndarray,
    counts: np.ndarray,
    quantizer: Affine,
    ends: Sequence[Tuple[float, float]],
) -> List[float]:
    """The squared errors of several ranges, which are all empty or none."""
    grid = quantizer.grid(*quantizer.scale_and_zero_point(*np.transpose(ends)))
    lower, upper = np.broadcast_arrays(grid.lower[:, None], grid.upper[:, None])
    scale = grid.scale[:, None].astype(np.float64)
    codes = np.rint(middles / scale)
    codes = np.clip(codes, lower, upper, out=codes)
    codes *= scale
    codes -= middles
    return [float(np.dot(counts, row)) for row in np.square(codes, out=codes)]
