# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The moving averages of the batches' extremes, corrected for their start at zero."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.quantizers import Affine

DECAY = 0.99


def moving_average(
    statistics: Statistics, quantizer: Affine, decay: float = DECAY
) -> Tuple[float, float]:
    """Returns the moving averages of the smallest and the largest value of the batches.

    After batch t the average is ``m_t = decay m_(t-1) + (1 - decay) x_t`` with ``m_0 = 0``, and the
    range is ``m_t / (1 - decay**t)``: without the division it would be near 0 for the first
    hundred batches.

    Args:
        statistics: What was seen of the tensor.
        quantizer: What the range is for; not used.
        decay: 0 to 1, exclusive.

    Example:
        >>> statistics = Statistics("x")
        >>> for batch in ([-1, 2], [-1, 2], [-1, 2]):
        ...     statistics.update(np.float32(batch))
        >>> [round(value, 6) for value in moving_average(statistics, Affine())]
        [-1.0, 2.0]
    """
    average = np.zeros(2)
    for batch in statistics.batches:
        average = decay * average + (1 - decay) * np.array(batch)
    low, high = average / (1 - decay ** len(statistics.batches))
    return float(low), float(high)
