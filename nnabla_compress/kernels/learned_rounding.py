# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One step of learned rounding: Adam on the rounding variables, and the weights they give.

Every weight is ``lower + h (upper - lower)`` with the rectified sigmoid
``h = clip(1.2 / (1 + exp(-v)) - 0.1, 0, 1)``; the regularizer ``1 - |2 h - 1|**beta`` pushes h to 0
or 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE

_STRETCH, _OFFSET = np.float32(1.2), np.float32(-0.1)
_DECAY_1, _DECAY_2, _TINY = np.float32(0.9), np.float32(0.999), np.float32(1e-8)
_ZERO, _ONE = np.float32(0), np.float32(1)


class Rounding(NamedTuple):
    """The state of a layer, all float32 and flat.

    Args:
        v: The rounding variables.
        m: First moments of their gradients.
        s: Second moments.
        gap: What upper values lie above lower ones.
        below: What the lower values lie above the float weights: 0 or less inside of all values.
    """

    v: np.ndarray
    m: np.ndarray
    s: np.ndarray
    gap: np.ndarray
    below: np.ndarray


def start(weight: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Rounding:
    """Returns the state whose weights are the float ones, where these lie between the two values.

    Args:
        weight: float32, flat.
        lower: The values that they may be rounded down to, of the same shape.
        upper: Those above, likewise.

    Example:
        >>> state = start(np.float32([2.25]), np.float32([2]), np.float32([3]))
        >>> hidden = 1.2 / (1 + np.exp(-state.v)) - 0.1
        >>> hidden.round(3).tolist(), state.below.tolist()
        ([0.25], [-0.25])
    """
    gap, below = upper - lower, lower - weight
    rest = np.clip(-below / np.where(gap > 0, gap, 1), 0.001, 0.999)
    v = -np.log(_STRETCH / (rest - _OFFSET) - 1).astype(np.float32)
    zeros = np.zeros_like(v)
    return Rounding(v, zeros, zeros.copy(), gap, below)


def step(
    state: Rounding,
    gradient: np.ndarray,
    number: int,
    rate: float,
    strength: float,
    beta: float,
    difference: np.ndarray,
) -> None:
    """Updates the rounding variables and writes what the weights differ from the float ones.

    Args:
        state: The layer; changed in place.
        gradient: Of the loss by the weights, flat float32.
        number: The number of this step, from 1; 0 to only write ``difference``.
        rate: Learning rate.
        strength: Factor of the regularizer.
        beta: Its exponent.
        difference: float32, flat; overwritten.
    """
    _step(
        state.v,
        state.m,
        state.s,
        state.gap,
        state.below,
        gradient,
        number,
        np.float32(rate * _correction(max(number, 1))),
        np.float32(strength),
        np.float32(beta),
        difference,
    )


def _correction(number: int) -> float:
    """What corrects both moments for their start at zero."""
    return math.sqrt(1 - 0.999**number) / (1 - 0.9**number)


@numba.njit(cache=CACHE, fastmath={"contract"})
def _step(  # type: ignore[no-untyped-def]
    v, m, s, gap, below, gradient, number, rate, strength, beta, difference
):
    for i in range(v.size):
        if number > 0:
            sigmoid = _ONE / (_ONE + math.exp(-v[i]))
            h = _STRETCH * sigmoid + _OFFSET
            slope = _ZERO
            if 0 < h < 1:
                slope = _STRETCH * sigmoid * (_ONE - sigmoid)
            g = gradient[i] * gap[i]
            if strength > 0 and 0 < h < 1:
                away = 2 * h - _ONE
                size = abs(away) ** (beta - _ONE)
                g -= strength * beta * 2 * (size if away > 0 else -size)
            g *= slope
            m[i] = _DECAY_1 * m[i] + (_ONE - _DECAY_1) * g
            s[i] = _DECAY_2 * s[i] + (_ONE - _DECAY_2) * g * g
            v[i] -= rate * m[i] / (math.sqrt(s[i]) + _TINY)
        h = min(max(_STRETCH / (_ONE + math.exp(-v[i])) + _OFFSET, _ZERO), _ONE)
        difference[i] = below[i] + h * gap[i]


@numba.njit(cache=CACHE)
def descend(up, gap, gram, slope, sweeps):  # type: ignore[no-untyped-def]
    """Flips roundings, best first in each row, as long as the squared error falls.

    Args:
        up: Whether each is rounded up (rows, d), changed in place.
        gap: What the upper values lie above the lower ones, float32 (rows, d); 0 where there is no
            choice.
        gram: Second moments of the inputs, float32 (d, d).
        slope: Half the gradient of the error by the weights, float64 (rows, d); changed in place.
        sweeps: Most flips for each weight.
    """
    diagonal = np.diag(gram).copy()  # in the matrix each lies on a page of its own
    for row in range(up.shape[0]):
        _descend(up[row], gap[row], gram, diagonal, slope[row], sweeps)


@numba.njit(cache=CACHE)
def _descend(up, gap, gram, diagonal, slope, sweeps):  # type: ignore[no-untyped-def]
    for _ in range(sweeps * up.size):
        best, gain = -1, -1e-12
        for i in range(up.size):
            delta = -gap[i] if up[i] else gap[i]
            change = 2 * delta * slope[i] + delta * delta * diagonal[i]
            if change < gain:
                best, gain = i, change
        if best < 0:
            return
        delta = -gap[best] if up[best] else gap[best]
        up[best] = not up[best]
        for i in range(up.size):
            slope[i] += delta * gram[best, i]
