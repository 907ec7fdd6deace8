# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far values are from levels at equal distances, as a squared sine, and its gradient.

With the place p = x / step - offset of a value, levels lie at the whole numbers from ``first`` to
``last``. Between them the distance is ``sin(pi p)**2``: 0 on a level, 1 half way. Outside the
outermost levels, from a quarter step on, it goes on along its tangent, so that it points back to
them; there a sine would pull to levels that do not exist.

The loops have no branches, and the sine is a polynomial, so the compiler turns them into vector
instructions. Places are float64: with float32 a weight's distance to levels of 8 bits would have
three digits. What lies within the rounding of a float32 of its level is on it: the penalty is
exactly 0. The sums of chunks are kept apart and added in order, so they do not depend on the
number of threads.
"""

from __future__ import annotations

from typing import Any, Tuple

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared

_CHUNK = 1 << 15
_ON_LEVEL = 2.0**-22


def penalty(
    x: np.ndarray, step: np.ndarray, offset: float, first: np.ndarray, last: np.ndarray
) -> Tuple[np.ndarray, np.ndarray]:
    """Returns the sums of the distances, and of their slopes times the places.

    Args:
        x: float32 or float64, shape (channels, n).
        step: Distance of the levels, positive float64, shape (channels,).
        offset: Where the level of the number 0 lies, in steps: 0, or 1/2 for no level at 0.
        first: Number of the lowest level, float64, shape (channels,); -infinity for no end.
        last: Number of the highest level, likewise.

    Returns:
        Two float64 arrays of shape (channels,): the sum of the distances f, and that of
        ``df/dp * (p + offset)``, from which the derivative by the step follows.

    Example:
        >>> x = np.float32([[0, 0.5, 0.75, 1]])
        >>> one, end = np.ones(1), np.array([1.0])
        >>> penalty(x, one, 0.0, -end, end)[0].round(6).tolist()
        [1.5]
    """
    chunks = -(-x.shape[1] // _CHUNK)
    sums = np.zeros((2, len(step), chunks))
    _penalty(x.size, x, 1 / step, offset, first, last, sums)
    distances, slopes = sums.sum(axis=2)
    return distances, slopes


def gradient(
    x: np.ndarray,
    step: np.ndarray,
    offset: float,
    first: np.ndarray,
    last: np.ndarray,
    factor: float,
    dx: np.ndarray,
    accumulate: bool,
) -> None:
    """Writes ``factor * df/dx`` of each value.

    Args:
        x: As of :func:`penalty`, as are ``step``, ``offset``, ``first`` and ``last``.
        step: Likewise.
        offset: Likewise.
        first: Likewise.
        last: Likewise.
        factor: What the gradient is multiplied by.
        dx: Of the type and shape of ``x``.
        accumulate: Add to ``dx`` instead of overwriting it.

    Example:
        >>> x, end, dx = np.float64([[0, 0.25, 0.5, 2]]), np.array([1.0]), np.empty((1, 4))
        >>> gradient(x, np.ones(1), 0.0, -end, end, 1 / np.pi, dx, False)
        >>> dx.round(6).tolist()
        [[0.0, 1.0, 0.0, 1.0]]
    """
    _gradient(x.size, x, 1 / step, offset, first, last, factor, dx, accumulate)


@numba.njit(inline="always")
def _sine(place, offset, first, last):  # type: ignore[no-untyped-def]
    """The distance of a place and its slope by the place, divided by pi."""
    level = np.floor(place + 0.5)
    level = first if level < first else level
    level = last if level > last else level
    rest = place - level
    size = abs(rest)
    size = 0.0 if size <= _ON_LEVEL * abs(place + offset) else size
    outside = place < first or place > last
    most = 0.25 if outside else 0.5
    within = size if size < most else most
    # sin and cos of pi * within, up to pi / 2: the terms left out are below 1e-16.
    u = within * np.pi
    v = u * u
    sine = -1.0 / 121645100408832000.0
    sine = sine * v + 1.0 / 355687428096000.0
    sine = sine * v - 1.0 / 1307674368000.0
    sine = sine * v + 1.0 / 6227020800.0
    sine = sine * v - 1.0 / 39916800.0
    sine = sine * v + 1.0 / 362880.0
    sine = sine * v - 1.0 / 5040.0
    sine = sine * v + 1.0 / 120.0
    sine = sine * v - 1.0 / 6.0
    sine = (sine * v + 1.0) * u
    cosine = 1.0 / 2432902008176640000.0
    cosine = cosine * v - 1.0 / 6402373705728000.0
    cosine = cosine * v + 1.0 / 20922789888000.0
    cosine = cosine * v - 1.0 / 87178291200.0
    cosine = cosine * v + 1.0 / 479001600.0
    cosine = cosine * v - 1.0 / 3628800.0
    cosine = cosine * v + 1.0 / 40320.0
    cosine = cosine * v - 1.0 / 720.0
    cosine = cosine * v + 1.0 / 24.0
    cosine = cosine * v - 0.5
    cosine = cosine * v + 1.0
    distance = sine * sine + np.pi * (size - within) * (1.0 if outside else 0.0)
    slope = 2.0 * sine * cosine
    return distance, -slope if rest < 0 else slope


# Only the order of additions within a chunk is left to the compiler ("reassoc"): it is the same in
# every run on one machine.
@shared("reassoc")
def _penalty(x, inverse, offset, first, last, sums):  # type: ignore[no-untyped-def]
    channels, n = x.shape
    chunks = (n + _CHUNK - 1) // _CHUNK
    for task in numba.prange(channels * chunks):
        c, chunk = task // chunks, task % chunks
        row = x[c, chunk * _CHUNK : (chunk + 1) * _CHUNK]
        r, low, high = inverse[c], first[c], last[c]
        distances: Any = 0.0
        slopes: Any = 0.0
        for i in range(row.size):
            scaled = row[i] * r
            distance, slope = _sine(scaled - offset, offset, low, high)
            distances += distance
            slopes += slope * scaled
        sums[0, c, chunk], sums[1, c, chunk] = distances, np.pi * slopes


@shared()
def _gradient(x, inverse, offset, first, last, factor, dx, accumulate):  # type: ignore[no-untyped-def]
    channels, n = x.shape
    chunks = (n + _CHUNK - 1) // _CHUNK
    for task in numba.prange(channels * chunks):
        c, chunk = task // chunks, task % chunks
        row = x[c, chunk * _CHUNK : (chunk + 1) * _CHUNK]
        result = dx[c, chunk * _CHUNK : (chunk + 1) * _CHUNK]
        r, low, high = inverse[c], first[c], last[c]
        scale = factor * np.pi * r
        kept = 1.0 if accumulate else 0.0
        for i in range(row.size):
            _, slope = _sine(row[i] * r - offset, offset, low, high)
            before = result[i] if accumulate else 0.0
            result[i] = kept * before + scale * slope
