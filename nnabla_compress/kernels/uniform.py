# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Uniform quantization of a tensor in one pass, and its gradients in another.

The arithmetic is the one that a device repeats: multiply by the float32 reciprocal of the step,
clip, round half away from zero as ``F.round`` does, multiply by the step. The loops have no
branches, so the compiler turns them into vector instructions. The gradients of step, range and
bits are all linear in two sums over the tensor, which the backward pass collects beside the
gradient of the tensor; each chunk's sums are kept apart in float64 and added in order, so the
result does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared

_CHUNK = 1 << 15
_BLOCK = 1 << 9
_HALF, _ONE, _ZERO = np.float32(0.5), np.float32(1), np.float32(0)


def quantize(
    x: np.ndarray,
    step: np.ndarray,
    limit: np.ndarray,
    signed: bool,
    out: np.ndarray,
    inverse: Optional[np.ndarray] = None,
) -> None:
    """Writes ``step * round(clip(x / step, -limit, limit))`` to ``out``.

    Args:
        x: float32, shape (channels, n).
        step: Positive float32 steps, shape (channels,).
        limit: Largest codes, whole numbers as float32, shape (channels,).
        signed: False to clip at 0 from below.
        out: float32 of the shape of ``x``; overwritten. NaN stays NaN; zero is +0.
        inverse: What ``x`` is multiplied by, float32, shape (channels,); by default the float32
            reciprocal of the step.

    Example:
        >>> out = np.empty((1, 5), np.float32)
        >>> quantize(np.float32([[-0.7, 0.25, 0.75, 1.2, 9]]), np.float32([0.5]), np.float32([3]),
        ...          True, out)
        >>> out.tolist()
        [[-0.5, 0.5, 1.0, 1.0, 1.5]]
    """
    lower = -limit if signed else np.zeros_like(limit)
    _quantize(x.size, x, step, _ONE / step if inverse is None else inverse, lower, limit, out)


def gradients(
    x: np.ndarray,
    dy: np.ndarray,
    step: np.ndarray,
    limit: np.ndarray,
    signed: bool,
    dx: Optional[np.ndarray],
    accumulate: bool,
) -> Tuple[np.ndarray, np.ndarray]:
    """Writes the straight-through gradient of ``x`` and returns the sums of the parameters'.

    With q = step * limit the gradient of ``x`` is ``dy`` where |x| <= q (unsigned: 0 < x <= q)
    and 0 elsewhere.

    Args:
        x: float32, shape (channels, n).
        dy: Gradient of the output, of the same shape.
        step: Positive float32 steps, shape (channels,).
        limit: Largest codes, whole numbers as float32, shape (channels,).
        signed: Whether codes go below 0.
        dx: float32 of the shape of ``x``; None if nobody wants it.
        accumulate: Add to ``dx`` instead of overwriting it.

    Returns:
        Two float64 arrays of shape (channels,): the sum of ``dy (Q(x) - x)`` where |x| <= q and the
        sum of ``dy sgn(x)`` where |x| > q (unsigned: x > q).

    Example:
        >>> x, dy, dx = np.float32([[0.4, -9]]), np.float32([[1, 2]]), np.empty((1, 2), np.float32)
        >>> inside, outside = gradients(x, dy, np.float32([1]), np.float32([3]), True, dx, False)
        >>> dx.tolist(), inside.round(6).tolist(), outside.tolist()
        ([[1.0, 0.0]], [-0.4], [-2.0])
    """
    chunks = -(-x.shape[1] // _CHUNK)
    inside, outside = np.zeros((len(step), chunks)), np.zeros((len(step), chunks))
    if dx is None:
        dx, accumulate = np.empty_like(x), False
    top = step * limit
    # Unsigned: the smallest positive number stands for "above 0".
    bottom = -top if signed else np.full_like(top, np.nextafter(_ZERO, _ONE))
    below = np.float32(-1 if signed else 0)
    inverse = _ONE / step
    _gradients(
        x.size, x, dy, step, inverse, limit, bottom, top, below, dx, accumulate, inside, outside
    )
    return inside.sum(axis=1), outside.sum(axis=1)


@numba.njit(inline="always")
def _code(x, inverse, lower, upper):  # type: ignore[no-untyped-def]
    # Comparisons in this order let NaN through. Adding a half and truncating would be wrong for
    # the float below 0.5; the distance from the truncated value is exact.
    code = x * inverse
    code = lower if code < lower else code
    code = upper if code > upper else code
    whole = np.trunc(code)
    rest = code - whole
    whole = whole + (_ONE if rest >= _HALF else _ZERO)
    return whole - (_ONE if rest <= -_HALF else _ZERO)


@shared()
def _quantize(x, step, inverse, lower, upper, out):  # type: ignore[no-untyped-def]
    channels, n = x.shape
    chunks = (n + _CHUNK - 1) // _CHUNK
    for task in numba.prange(channels * chunks):
        c = task // chunks
        start = (task % chunks) * _CHUNK
        row, result = x[c, start : start + _CHUNK], out[c, start : start + _CHUNK]
        d, r, low, high = step[c], inverse[c], lower[c], upper[c]
        for i in range(row.size):
            # + 0 turns -0 into 0, which is what decoding an integer code gives.
            result[i] = _code(row[i], r, low, high) * d + _ZERO


@numba.njit(inline="always")
def _contributions(x, dy, d, r, limit, bottom, top, below):  # type: ignore[no-untyped-def]
    kept = (x >= bottom) & (x <= top)
    error = _code(x, r, -limit, limit) * d - x
    inside = dy * error if kept else _ZERO
    outside = dy if x > top else (below * dy if x < bottom else _ZERO)
    return inside, outside, dy if kept else _ZERO


# Only the order of additions within a block is left to the compiler ("reassoc"): it is the same
# in every run on one machine.
@shared("reassoc")
def _gradients(  # type: ignore[no-untyped-def]
    x, dy, step, inverse, limit, bottom, top, below, dx, accumulate, inside, outside
):
    channels, n = x.shape
    chunks = (n + _CHUNK - 1) // _CHUNK
    for task in numba.prange(channels * chunks):
        c, chunk = task // chunks, task % chunks
        d, r, most, low, high = step[c], inverse[c], limit[c], bottom[c], top[c]
        kept = np.empty(_BLOCK, np.float32)
        within: Any = 0.0
        without: Any = 0.0
        for start in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, n), _BLOCK):
            row, grad = x[c, start : start + _BLOCK], dy[c, start : start + _BLOCK]
            result = dx[c, start : start + _BLOCK]
            # A block is short enough to be added up in float32, eight values at a time.
            block_within, block_without = _ZERO, _ZERO
            for i in range(row.size):
                a, b, g = _contributions(row[i], grad[i], d, r, most, low, high, below)
                block_within += a
                block_without += b
                kept[i] = g
            within += block_within
            without += block_without
            if accumulate:
                for i in range(row.size):
                    result[i] += kept[i]
            else:
                for i in range(row.size):
                    result[i] = kept[i]
        inside[c, chunk], outside[c, chunk] = within, without
