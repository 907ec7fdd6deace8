# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Stochastic rounding of gradients to evenly spaced levels, each sample by its own maximum.

The random number of an element is a hash of a key, its sample and its place, so no bit depends on
the number of threads or on what was computed before. The hash is the finalizer "lowbias32" of
C. Wellons, of 32 bits, which vector instructions compute.
"""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared

_ZERO, _HALF, _ONE, _TWO = np.float32(0), np.float32(0.5), np.float32(1), np.float32(2)
_GOLDEN, _FIRST, _SECOND = np.uint32(0x9E3779B9), np.uint32(0x7FEB352D), np.uint32(0x846CA68B)
_UNIT = np.float32(2.0**-24)


def round_stochastically(
    gradient: np.ndarray, levels: int, key: int, out: np.ndarray, accumulate: bool
) -> None:
    """Writes ``m / n (2 floor(n g / (2 m) + v) + 1)``, v uniform in [-1/2, 1/2), to ``out``.

    Args:
        gradient: g, float32, shape (samples, N); m is the largest magnitude of a sample.
        levels: n, an odd number: there are n + 1 values, from -m to m.
        key: What the random numbers follow from, 0 to 2**32 - 1.
        out: float32 of the same shape; zeros for samples of zeros.
        accumulate: Add to ``out`` instead of overwriting it.

    Example:
        >>> g, out = np.float32([[3, 1, -3, 0]]), np.empty((1, 4), np.float32)
        >>> round_stochastically(g, 3, 5, out, False)
        >>> out[0, 0], out[0, 2], bool(np.isin(out, [-3, -1, 1, 3]).all())
        (3.0, -3.0, True)
    """
    _round(gradient.size, gradient, np.float32(levels), np.uint32(key), out, accumulate)


@numba.njit(inline="always")
def _hash(x):  # type: ignore[no-untyped-def]
    x = np.uint32(x ^ (x >> np.uint32(16)))
    x = np.uint32(x * _FIRST)
    x = np.uint32(x ^ (x >> np.uint32(15)))
    x = np.uint32(x * _SECOND)
    return np.uint32(x ^ (x >> np.uint32(16)))


@shared()
def _round(gradient, levels, key, out, accumulate):  # type: ignore[no-untyped-def]
    samples, n = gradient.shape
    for sample in numba.prange(samples):
        row, result = gradient[sample], out[sample]
        own = _hash(np.uint32(key + np.uint32(np.uint32(sample) * _GOLDEN)))
        peak = _ZERO
        for i in range(n):
            size = abs(row[i])
            peak = size if size > peak else peak
        step = peak / levels
        half = levels * _HALF
        divisor = peak if peak > _ZERO else _ONE
        for i in range(n):
            drawn = _hash(np.uint32(own + np.uint32(i)))
            noise = np.float32(drawn >> np.uint32(8)) * _UNIT - _HALF
            odd = _TWO * np.floor(row[i] / divisor * half + noise) + _ONE
            odd = -levels if odd < -levels else odd
            odd = levels if odd > levels else odd
            result[i] = odd * step + (result[i] if accumulate else _ZERO)
