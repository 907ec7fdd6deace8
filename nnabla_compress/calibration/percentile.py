# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The range without the outermost values."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.quantizers import Affine

PERCENTILE = 99.99


def percentile(
    statistics: Statistics, quantizer: Affine, percent: float = PERCENTILE
) -> Tuple[float, float]:
    """Returns the range that leaves ``100 - percent`` per cent of the values out on either side.

    Args:
        statistics: What was seen of the tensor.
        quantizer: What the range is for; not used.
        percent: 50 to 100, exclusive.

    Example:
        >>> statistics = Statistics("x")
        >>> statistics.update(np.append(np.linspace(0, 1, 99999), 50).astype(np.float32))
        >>> low, high = percentile(statistics, Affine())
        >>> round(low, 2), round(high, 2)
        (0.01, 1.0)
    """
    middles, counts = statistics.bins()
    share = np.cumsum(counts) / counts.sum()
    outside = 1 - percent / 100
    low = middles[np.searchsorted(share, outside)]
    high = middles[np.searchsorted(share, 1 - outside)]
    # The middle of a bin may lie outside of the values in it.
    ends = np.clip([low, high], statistics.low, statistics.high)
    return float(ends[0]), float(ends[1])
