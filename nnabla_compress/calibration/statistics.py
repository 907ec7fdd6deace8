# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is kept of a tensor while calibration samples pass: all that any method takes a range from.

The methods, one a file, are functions of these statistics, so a single pass over the samples serves
all of them.
"""

from __future__ import annotations

from typing import List, Tuple

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.kernels.histogram import BINS, extremes, observe

# Room above the largest value of the first batch, so that later ones seldom double the range.
_ROOM = 1.25


class Statistics:
    """Extremes of each batch and a histogram of all values.

    Args:
        name: The tensor, for messages.

    Example:
        >>> statistics = Statistics("conv1")
        >>> for batch in ([0, 1, 2], [0, -1, 3]):
        ...     statistics.update(np.float32(batch))
        >>> statistics.low, statistics.high, statistics.count, statistics.batches
        (-1.0, 3.0, 6, [(0.0, 2.0), (-1.0, 3.0)])
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.batches: List[Tuple[float, float]] = []
        self.histogram = np.zeros(BINS, np.int64)
        self.limit = 0.0
        self.count = 0

    def update(self, values: np.ndarray) -> None:
        """Takes a batch in.

        Args:
            values: float32 of any shape.

        Raises:
            DataError: If a value is NaN or infinite.
        """
        flat = np.ascontiguousarray(values, np.float32).reshape(-1)
        if not flat.size:
            return
        if not self.batches:
            self.limit = _ROOM * float(np.abs(extremes(flat)).max())
        if np.isfinite(self.limit):
            low, high, limit = observe(flat, self.histogram, self.limit)
        if not np.isfinite(self.limit) or not np.isfinite(limit):
            bad = int(flat.size - np.isfinite(flat).sum())
            raise DataError(
                f"calibration: {bad} of {flat.size} values of {self.name} are NaN or infinite.",
                help="check the samples and their scale, mean and std; or the parameters are "
                "damaged",
            )
        self.limit = limit
        self.batches.append((low, high))
        self.count += flat.size

    @property
    def low(self) -> float:
        """The smallest value."""
        return min(low for low, _ in self.batches)

    @property
    def high(self) -> float:
        """The largest value."""
        return max(high for _, high in self.batches)

    @property
    def seen(self) -> bool:
        """Whether there was any value."""
        return bool(self.batches)

    @property
    def dead(self) -> bool:
        """Whether all values were zero."""
        return self.seen and self.low == self.high == 0

    def clipped(self, magnitude: float) -> Tuple[float, float]:
        """Returns the range of the values up to a magnitude."""
        return max(self.low, -magnitude), min(self.high, magnitude)

    def bins(self) -> Tuple[np.ndarray, np.ndarray]:
        """Returns the middles of the bins that are not empty, and their counts, float64."""
        used = np.flatnonzero(self.histogram)
        width = 2 * self.limit / BINS
        return (used - BINS // 2 + 0.5) * width, self.histogram[used].astype(np.float64)
