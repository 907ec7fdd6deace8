# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Float32 functions of the C library, one call an element, as the runtime calls them.

NumPy has vectorized versions of its own, which differ in the last bit.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE


@numba.vectorize(cache=CACHE)
def exp(x):  # type: ignore[no-untyped-def]
    """The C library's ``expf``."""
    return math.exp(x)


@numba.vectorize(cache=CACHE)
def log(x):  # type: ignore[no-untyped-def]
    """The C library's ``logf``."""
    if x > 0:
        return math.log(x)
    return np.float32(-np.inf) if x == 0 else np.float32(np.nan)


@numba.vectorize(cache=CACHE)
def tanh(x):  # type: ignore[no-untyped-def]
    """The C library's ``tanhf``."""
    return math.tanh(x)


@numba.vectorize(cache=CACHE)
def power(x, y):  # type: ignore[no-untyped-def]
    """The C library's ``powf``."""
    return math.pow(x, y)


def round_half_away(x: np.ndarray) -> np.ndarray:
    """The C library's ``roundf``: halves go away from zero.

    Example:
        >>> round_half_away(np.float32([0.5, -1.5, 0.49999997])).tolist()
        [1.0, -2.0, 0.0]
    """
    whole = np.trunc(x)
    return np.where(np.abs(x - whole) >= 0.5, whole + np.copysign(np.float32(1), x), whole)
