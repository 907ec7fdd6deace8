# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rectification of a tensor, forward and backward."""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared


def rectify(x: np.ndarray, out: np.ndarray) -> None:
    """Writes ``max(x, 0)`` to ``out``; NaN stays NaN.

    Args:
        x: float32, C order.
        out: float32 of the same shape.

    Example:
        >>> out = np.empty(2, np.float32)
        >>> rectify(np.float32([-1, 2]), out)
        >>> out.tolist()
        [0.0, 2.0]
    """
    _rectify(x.size, x.reshape(-1), out.reshape(-1))


def rectified_gradient(x: np.ndarray, dy: np.ndarray, dx: np.ndarray, accumulate: bool) -> None:
    """Writes ``dy`` where ``x`` is above 0, and 0 elsewhere, to ``dx``, or adds it.

    Args:
        x: Input, float32, C order.
        dy: Gradient of the output, of the same shape.
        dx: Gradient of the input.
        accumulate: Add to what ``dx`` holds.

    Example:
        >>> dx = np.float32([1, 1])
        >>> rectified_gradient(np.float32([-1, 2]), np.float32([5, 5]), dx, True)
        >>> dx.tolist()
        [1.0, 6.0]
    """
    kernel = _add_gradient if accumulate else _write_gradient
    kernel(x.size, x.reshape(-1), dy.reshape(-1), dx.reshape(-1))


@shared()
def _rectify(x, out):  # type: ignore[no-untyped-def]
    zero = np.float32(0)
    for i in numba.prange(x.size):
        out[i] = zero if x[i] < zero else x[i]


@shared()
def _write_gradient(x, dy, dx):  # type: ignore[no-untyped-def]
    zero = np.float32(0)
    for i in numba.prange(x.size):
        dx[i] = dy[i] if x[i] > zero else zero


@shared()
def _add_gradient(x, dy, dx):  # type: ignore[no-untyped-def]
    zero = np.float32(0)
    for i in numba.prange(x.size):
        dx[i] += dy[i] if x[i] > zero else zero
