# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The passes of batch normalizations over a tensor, forward and backward, one channel at a time."""

from __future__ import annotations

from typing import Tuple

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared


def blocks(x: np.ndarray, axis: int) -> np.ndarray:
    """Returns an array as these kernels take it, shape (outer, channels, inner), a view.

    Args:
        x: In C order.
        axis: The channels' axis.

    Example:
        >>> blocks(np.zeros((2, 3, 4, 5)), 1).shape
        (2, 3, 20)
    """
    axis %= x.ndim
    outer, inner = (int(np.prod(part)) for part in (x.shape[:axis], x.shape[axis + 1 :]))
    return x.reshape(outer, x.shape[axis], inner)


def moments(x: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Returns the float32 mean and (biased) variance of each channel.

    Args:
        x: float32, shape (outer, channels, inner), C order.

    Example:
        >>> moments(np.float32([[[1, 3]], [[5, 7]]]))
        (array([4.], dtype=float32), array([5.], dtype=float32))
    """
    mean, variance = np.empty(x.shape[1], np.float32), np.empty(x.shape[1], np.float32)
    _moments(x.size, x, mean, variance)
    return mean, variance


def scale_and_shift(x: np.ndarray, scale: np.ndarray, shift: np.ndarray, out: np.ndarray) -> None:
    """Writes ``x * scale + shift`` of each channel to ``out``, in float32.

    Args:
        x: float32, shape (outer, channels, inner).
        scale: float32, shape (channels,).
        shift: float32, shape (channels,).
        out: float32 of the shape of ``x``; overwritten.

    Example:
        >>> out = np.empty((1, 1, 2), np.float32)
        >>> scale_and_shift(np.float32([[[1, 3]]]), np.float32([2]), np.float32([1]), out)
        >>> out.tolist()
        [[[3.0, 7.0]]]
    """
    _scale_and_shift(x.size, x, scale, shift, out)


def gradient_sums(
    dy: np.ndarray, x: np.ndarray, mean: np.ndarray, inverse: np.ndarray
) -> Tuple[np.ndarray, np.ndarray]:
    """Returns, of each channel, the sums of ``dy`` and of ``dy * (x - mean) * inverse``.

    Args:
        dy: Gradient of the output, float32, shape (outer, channels, inner).
        x: Input of the same shape.
        mean: float32, shape (channels,).
        inverse: ``1 / sqrt(variance + eps)``, float32, shape (channels,).

    Returns:
        Two float64 arrays of shape (channels,): the gradients of beta and of gamma.
    """
    beta, gamma = np.empty(x.shape[1]), np.empty(x.shape[1])
    _gradient_sums(x.size, dy, x, mean, inverse, beta, gamma)
    return beta, gamma


def input_gradient(
    dy: np.ndarray,
    x: np.ndarray,
    slope: np.ndarray,
    offset: np.ndarray,
    per_value: np.ndarray,
    out: np.ndarray,
    accumulate: bool,
) -> None:
    """Writes, of each channel, ``slope * dy + per_value * x + offset`` to ``out``, or adds it.

    Args:
        dy: Gradient of the output, float32, shape (outer, channels, inner).
        x: Input of the same shape.
        slope: float32, shape (channels,).
        offset: Likewise.
        per_value: Likewise.
        out: float32 of the shape of ``x``.
        accumulate: Add to what ``out`` holds.

    Example:
        >>> one, out = np.float32([1]), np.empty((1, 1, 2), np.float32)
        >>> x, dy = np.float32([[[1, 3]]]), np.float32([[[5, 7]]])
        >>> input_gradient(dy, x, 2 * one, one, 10 * one, out, False)
        >>> out.tolist()
        [[[21.0, 45.0]]]
    """
    _input_gradient(x.size, dy, x, slope, offset, per_value, out, accumulate)


@shared()
def _input_gradient(dy, x, slope, offset, per_value, out, accumulate):  # type: ignore[no-untyped-def]
    for c in numba.prange(x.shape[1]):
        for o in range(x.shape[0]):
            for i in range(x.shape[2]):
                value = slope[c] * dy[o, c, i] + per_value[c] * x[o, c, i] + offset[c]
                out[o, c, i] = out[o, c, i] + value if accumulate else value


@shared()
def _moments(x, mean, variance):  # type: ignore[no-untyped-def]
    count = x.shape[0] * x.shape[2]
    for c in numba.prange(x.shape[1]):
        total = 0.0
        for o in range(x.shape[0]):
            for i in range(x.shape[2]):
                total += x[o, c, i]
        center = total / count
        squares = 0.0
        for o in range(x.shape[0]):
            for i in range(x.shape[2]):
                difference = x[o, c, i] - center
                squares += difference * difference
        mean[c] = center
        variance[c] = squares / count


@shared()
def _scale_and_shift(x, scale, shift, out):  # type: ignore[no-untyped-def]
    for c in numba.prange(x.shape[1]):
        for o in range(x.shape[0]):
            for i in range(x.shape[2]):
                out[o, c, i] = x[o, c, i] * scale[c] + shift[c]


@shared()
def _gradient_sums(dy, x, mean, inverse, beta, gamma):  # type: ignore[no-untyped-def]
    for c in numba.prange(x.shape[1]):
        total, product = 0.0, 0.0
        for o in range(x.shape[0]):
            for i in range(x.shape[2]):
                total += dy[o, c, i]
                product += dy[o, c, i] * ((x[o, c, i] - mean[c]) * inverse[c])
        beta[c] = total
        gamma[c] = product
