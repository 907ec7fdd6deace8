# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The scale that each row of numbers is whole multiples of, rounded to float32."""

from __future__ import annotations

from typing import Optional

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE

_NEAR = 1e-3  # of a whole number; rounding a scale to float32 moves a multiple by less
_SMALLEST = 1e-30  # below that float32 has fewer digits, and nothing is told from what is near
_ABOVE = np.float32(np.inf)
_BELOW = np.float32(0)


def common_scales(rows: np.ndarray, largest: int) -> Optional[np.ndarray]:
    """Returns for each row the scale whose multiples it holds; None if a row has none.

    Of several scales it is the one with the smallest integers; 1 for rows of zeros.

    Args:
        rows: float32, (rows, numbers of each).
        largest: Largest magnitude of an integer, of those that values are divided by.

    Example:
        >>> common_scales(np.float32([[-0.75, 0.25], [3, 0]]), 127).tolist()
        [0.25, 3.0]
        >>> common_scales(np.float32([[0.1, 0.31415]]), 127) is None
        True
    """
    scales = np.empty(len(rows), np.float32)
    return scales if _find(rows, largest, scales) else None


@numba.njit(cache=CACHE)
def _find(rows, largest, scales):  # type: ignore[no-untyped-def]
    for number in range(rows.shape[0]):
        row = rows[number]
        peak = np.float64(0)
        for i in range(row.size):
            magnitude = np.float64(abs(row[i]))
            if not magnitude < np.inf:
                return False
            peak = max(peak, magnitude)
        if peak == 0:
            scales[number] = 1
            continue
        found = False
        for divisor in range(1, largest + 1):
            nearest = np.float32(peak / divisor)
            if nearest > _SMALLEST and not _are_near(row, peak / divisor):
                continue
            below, above = np.nextafter(nearest, _BELOW), np.nextafter(nearest, _ABOVE)
            for scale in (nearest, below, above):
                if scale > 0 and scale < np.inf and _are_multiples(row, scale):
                    scales[number] = scale
                    found = True
                    break
            if found:
                break
        if not found:
            return False
    return True


@numba.njit(cache=CACHE)
def _are_near(row, scale):  # type: ignore[no-untyped-def]
    for i in range(row.size):
        quotient = row[i] / scale
        if abs(quotient - np.rint(quotient)) > _NEAR:
            return False
    return True


@numba.njit(cache=CACHE)
def _are_multiples(row, scale):  # type: ignore[no-untyped-def]
    for i in range(row.size):
        whole = np.rint(np.float64(row[i]) / np.float64(scale))
        if np.float32(whole) * scale != row[i]:
            return False
    return True
