# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Table look-up and its straight-through gradient, each in one pass over the tensor."""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared

_CHUNK = 1 << 15


def look_up(dictionary: np.ndarray, assignments: np.ndarray, out: np.ndarray) -> None:
    """Writes ``dictionary[assignments]`` to ``out``.

    Args:
        dictionary: float32, shape (K,).
        assignments: uint8, any shape, every element below K.
        out: float32 of the shape of ``assignments``; overwritten.

    Example:
        >>> out = np.empty(3, np.float32)
        >>> look_up(np.float32([-1, 2]), np.uint8([1, 0, 1]), out)
        >>> out.tolist()
        [2.0, -1.0, 2.0]
    """
    _look_up(out.size, dictionary, assignments.reshape(-1), out.reshape(-1))


def straight_through(gradient: np.ndarray, out: np.ndarray, accumulate: bool) -> None:
    """Writes or adds ``gradient`` to ``out``: the gradient of the quantized tensor is the weight's.

    Args:
        gradient: float32, any shape.
        out: float32 of the same shape.
        accumulate: Add to what ``out`` holds instead of overwriting it.

    Example:
        >>> out = np.float32([1, 1])
        >>> straight_through(np.float32([2, 3]), out, accumulate=True)
        >>> out.tolist()
        [3.0, 4.0]
    """
    _straight_through(out.size, gradient.reshape(-1), out.reshape(-1), accumulate)


@shared()
def _look_up(dictionary, assignments, out):  # type: ignore[no-untyped-def]
    for chunk in numba.prange((out.size + _CHUNK - 1) // _CHUNK):
        for i in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, out.size)):
            out[i] = dictionary[assignments[i]]


@shared()
def _straight_through(gradient, out, accumulate):  # type: ignore[no-untyped-def]
    for chunk in numba.prange((out.size + _CHUNK - 1) // _CHUNK):
        start, stop = chunk * _CHUNK, min((chunk + 1) * _CHUNK, out.size)
        if accumulate:
            for i in range(start, stop):
                out[i] += gradient[i]
        else:
            for i in range(start, stop):
                out[i] = gradient[i]
