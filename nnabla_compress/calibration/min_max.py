# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The range of all values seen."""

from __future__ import annotations

from typing import Tuple

from nnabla_compress.calibration.statistics import Statistics
from nnabla_compress.quantizers import Affine


def min_max(statistics: Statistics, quantizer: Affine) -> Tuple[float, float]:
    """Returns the smallest and the largest value that calibration has seen.

    Args:
        statistics: What was seen of the tensor.
        quantizer: What the range is for; not used.

    Example:
        >>> import numpy as np
        >>> statistics = Statistics("x")
        >>> statistics.update(np.float32([-1, 2]))
        >>> min_max(statistics, Affine())
        (-1.0, 2.0)
    """
    return statistics.low, statistics.high
