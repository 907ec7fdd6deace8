# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a device asks of a dictionary: powers of two, whole numbers times a scale, a zero."""

from __future__ import annotations

import numpy as np


def nearest_power_of_two(values: np.ndarray) -> np.ndarray:
    """Returns ``sign(v) 2**round(log2|v|)`` as float32, and 0 for 0; half rounds up."""
    magnitude = np.maximum(np.abs(values.astype(np.float64)), 2.0**-126)
    exponent = np.clip(np.floor(np.log2(magnitude) + 0.5), -126, 127)
    return (np.sign(values) * 2.0**exponent).astype(np.float32)


def nearest_on_grid(values: np.ndarray, bits: int) -> np.ndarray:
    """Returns the values rounded to integers of ``bits`` bits times one scale, as float32.

    The largest magnitude becomes 2**(bits-1) - 1 (up to 11 bits; slightly less from there on).

    Example:
        >>> nearest_on_grid(np.array([-3.0, 0.9, 3.0]), 3).tolist()
        [-3.0, 1.0, 3.0]
    """
    largest = 2 ** (bits - 1) - 1
    peak = float(np.abs(values).max())
    if peak == 0:
        return values.astype(np.float32)
    scale = grid_scale(peak, bits)
    codes = np.clip(np.round(values / scale), -largest, largest)
    return (codes * scale).astype(np.float32)


def grid_scale(peak: float, bits: int) -> float:
    """Returns the scale of a grid of ``bits`` bits that reaches a magnitude.

    It has so few significant bits that each product with an integer is exact in float32: a
    device may compute it in any order.

    Args:
        peak: The magnitude, positive.
        bits: Bits of the integers.

    Example:
        >>> grid_scale(3.0, 3)
        1.0
    """
    mantissa, exponent = np.frexp(peak / (2 ** (bits - 1) - 1))
    digits = 24 - bits
    # Rounded up: a smaller scale would not reach the largest value.
    return float(np.ldexp(np.ceil(np.ldexp(mantissa, digits)), int(exponent) - digits))


def prune_threshold(values: np.ndarray, fraction: float) -> float:
    """Returns the magnitude up to which ``fraction`` of the values lie; -1 for none of them."""
    count = int(round(fraction * values.size))
    if count == 0:
        return -1.0
    return float(np.partition(np.abs(values.reshape(-1)), count - 1)[count - 1])
