# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far two computations of one output agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy as np

from nnabla_compress.graph.compare import decibels, difference, same_class, same_values


@dataclass(frozen=True)
class Agreement:
    """How far two arrays agree.

    Args:
        output: Name of the output.
        equal: Share of its numbers that are equal, as
            :func:`~nnabla_compress.graph.compare.same_values` says, 0 to 1.
        largest: Largest absolute difference, over the largest magnitude.
        root_mean_square: Root of the mean squared difference, over that of the output itself.
        same_class: Share of samples whose largest entry is the same one; None where a sample has
            one number or more than one axis.
        snr: Signal-to-noise ratio ``10 log10(sum y^2 / sum (y - q)^2)`` in dB, of the numbers that
            are finite in both; 300 stands for no noise at all. None for other shapes.
        bit_equal: Share of its numbers whose bits are equal too, signs of zeros included.
    """

    output: str
    equal: float
    largest: float
    root_mean_square: float
    same_class: Optional[float] = None
    snr: Optional[float] = None
    bit_equal: Optional[float] = None


def agreement(output: str, expected: np.ndarray, got: np.ndarray) -> Agreement:
    """Compares two computations of an output.

    Args:
        output: Its name.
        expected: The one, float32, (samples, ...).
        got: The other one, of the same shape; another shape agrees in nothing.

    Example:
        >>> found = agreement("y", np.float32([[1, 2], [3, 4]]), np.float32([[1, 2], [3, 2.5]]))
        >>> found.equal, found.largest, found.same_class
        (0.75, 0.375, 0.5)
    """
    expected, got = np.asarray(expected, np.float32), np.asarray(got, np.float32)
    apart = difference([expected], [got])
    if expected.shape != got.shape:
        return Agreement(output, 0.0, apart.largest, apart.root_mean_square, bit_equal=0.0)
    bits, others = (np.ascontiguousarray(array).view(np.int32) for array in (expected, got))
    equal, bit_equal = (
        float(same.mean()) if same.size else 1.0
        for same in (same_values(expected, got), bits == others)
    )
    finite = np.isfinite(expected) & np.isfinite(got)
    y, q = expected[finite].astype(np.float64), got[finite].astype(np.float64)
    snr = decibels(float(np.square(y).sum()), float(np.square(y - q).sum()))
    same = same_class(expected, got)
    return Agreement(output, equal, apart.largest, apart.root_mean_square, same, snr, bit_equal)
