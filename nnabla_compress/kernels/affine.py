# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Affine quantization of a tensor in one pass, and its straight-through gradient in another.

Codes are counted from the zero point, so that the arithmetic is a device's: multiply by the float32
reciprocal of the scale, clip, round half away from zero, multiply by the scale. Tensors come as
(outer, channels, inner), a view of any C-contiguous tensor and any axis of channels.
"""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared
from nnabla_compress.kernels.uniform import _code

_CHUNK = 1 << 15
_ONE, _ZERO = np.float32(1), np.float32(0)


def quantize(
    x: np.ndarray, scale: np.ndarray, lower: np.ndarray, upper: np.ndarray, out: np.ndarray
) -> None:
    """Writes ``scale * round(clip(x / scale, lower, upper))`` to ``out``.

    Args:
        x: float32, shape (outer, channels, inner).
        scale: Positive float32, shape (channels,).
        lower: Lowest code minus the zero point, whole numbers <= 0 as float32, shape (channels,).
        upper: Highest code minus the zero point, whole numbers >= 0, likewise.
        out: float32 of the shape of ``x``; overwritten. NaN stays NaN; zero is +0.

    Example:
        >>> out, one = np.empty((1, 1, 4), np.float32), np.ones(1, np.float32)
        >>> quantize(np.float32([[[-9, -0.5, 0.4, 9]]]), one, -2 * one, 5 * one, out)
        >>> out.ravel().tolist()
        [-2.0, -1.0, 0.0, 5.0]
    """
    _quantize(x.size, x, scale, _ONE / scale, lower, upper, out)


def straight_through(
    x: np.ndarray,
    dy: np.ndarray,
    bottom: np.ndarray,
    top: np.ndarray,
    dx: np.ndarray,
    accumulate: bool,
) -> None:
    """Writes ``dy`` where ``bottom <= x <= top``, and 0 elsewhere.

    Args:
        x: float32, shape (outer, channels, inner).
        dy: Gradient of the output, of the same shape.
        bottom: Smallest value of each channel that is not clipped, float32, shape (channels,).
        top: Largest one.
        dx: float32 of the shape of ``x``.
        accumulate: Add to ``dx`` instead of overwriting it.

    Example:
        >>> dx, one = np.ones((1, 1, 3), np.float32), np.ones(1, np.float32)
        >>> straight_through(np.float32([[[-9, 0.5, 9]]]), 2 * np.float32(dx), -one, one, dx, True)
        >>> dx.ravel().tolist()
        [1.0, 3.0, 1.0]
    """
    _straight_through(x.size, x, dy, bottom, top, dx, accumulate)


@shared()
def _quantize(x, scale, inverse, lower, upper, out):  # type: ignore[no-untyped-def]
    outer, channels, inner = x.shape
    if inner == 1:
        for o in numba.prange(outer):
            for c in range(channels):
                code = _code(x[o, c, 0], inverse[c], lower[c], upper[c])
                out[o, c, 0] = code * scale[c] + _ZERO
        return
    chunks = (inner + _CHUNK - 1) // _CHUNK
    for task in numba.prange(outer * channels * chunks):
        row, start = task // chunks, (task % chunks) * _CHUNK
        o, c = row // channels, row % channels
        values, result = x[o, c, start : start + _CHUNK], out[o, c, start : start + _CHUNK]
        d, r, low, high = scale[c], inverse[c], lower[c], upper[c]
        for i in range(values.size):
            # + 0 turns -0 into 0, which is what decoding an integer code gives.
            result[i] = _code(values[i], r, low, high) * d + _ZERO


@shared()
def _straight_through(x, dy, bottom, top, dx, accumulate):  # type: ignore[no-untyped-def]
    outer, channels, inner = x.shape
    for o in numba.prange(outer):
        for c in range(channels):
            low, high = bottom[c], top[c]
            values, gradient, result = x[o, c], dy[o, c], dx[o, c]
            if accumulate:
                for i in range(inner):
                    kept = (values[i] >= low) & (values[i] <= high)
                    result[i] += gradient[i] if kept else _ZERO
            else:
                for i in range(inner):
                    kept = (values[i] >= low) & (values[i] <= high)
                    result[i] = gradient[i] if kept else _ZERO
