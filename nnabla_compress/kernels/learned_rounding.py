# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One step of learned rounding: Adam on the rounding variables, and the weights they give.

Every weight is ``scale * clip(floor + h, lower, upper)`` with the rectified sigmoid
``h = clip(1.2 / (1 + exp(-v)) - 0.1, 0, 1)``; the regularizer ``1 - |2 h - 1|**beta`` pushes h to 0
or 1.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np

_STRETCH, _OFFSET = np.float32(1.2), np.float32(-0.1)
_DECAY_1, _DECAY_2, _TINY = np.float32(0.9), np.float32(0.999), np.float32(1e-8)
_ZERO, _ONE = np.float32(0), np.float32(1)


class Rounding(NamedTuple):
    """The state of a layer, all float32 and flat.

    Args:
        v: The rounding variables.
        m: First moments of their gradients.
        s: Second moments.
        floor: Codes rounded down.
        scale: Scale of each weight.
        lower: Lowest code.
        upper: Highest code.
        weight: The float weights.
    """

    v: np.ndarray
    m: np.ndarray
    s: np.ndarray
    floor: np.ndarray
    scale: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    weight: np.ndarray


def start(weight: np.ndarray, scale: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> Rounding:
    """Returns the state whose weights are the float ones, where these are not clipped.

    Args:
        weight: float32, flat.
        scale: Of the same shape.
        lower: Lowest codes, likewise.
        upper: Highest codes, likewise.

    Example:
        >>> one = np.ones(1, np.float32)
        >>> state = start(np.float32([2.25]), one, -7 * one, 7 * one)
        >>> hidden = 1.2 / (1 + np.exp(-state.v)) - 0.1
        >>> state.floor.tolist(), hidden.round(3).tolist()
        ([2.0], [0.25])
    """
    codes = np.clip(weight / scale, lower, upper)
    floor = np.minimum(np.floor(codes), upper - 1)
    rest = np.clip(codes - floor, 0.001, 0.999)
    v = -np.log(_STRETCH / (rest - _OFFSET) - 1).astype(np.float32)
    zeros = np.zeros_like(v)
    return Rounding(v, zeros, zeros.copy(), floor, scale, lower, upper, weight)


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
        state.floor,
        state.scale,
        state.lower,
        state.upper,
        state.weight,
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


@numba.njit(cache=True, fastmath={"contract"})
def _step(  # type: ignore[no-untyped-def]
    v, m, s, floor, scale, lower, upper, weight, gradient, number, rate, strength, beta, difference
):
    for i in range(v.size):
        if number > 0:
            sigmoid = _ONE / (_ONE + math.exp(-v[i]))
            h = _STRETCH * sigmoid + _OFFSET
            slope = _ZERO
            if 0 < h < 1:
                slope = _STRETCH * sigmoid * (_ONE - sigmoid)
            code = floor[i] + min(max(h, _ZERO), _ONE)
            g = gradient[i] * scale[i] if lower[i] <= code <= upper[i] else _ZERO
            if strength > 0 and 0 < h < 1:
                away = 2 * h - _ONE
                size = abs(away) ** (beta - _ONE)
                g -= strength * beta * 2 * (size if away > 0 else -size)
            g *= slope
            m[i] = _DECAY_1 * m[i] + (_ONE - _DECAY_1) * g
            s[i] = _DECAY_2 * s[i] + (_ONE - _DECAY_2) * g * g
            v[i] -= rate * m[i] / (math.sqrt(s[i]) + _TINY)
        h = min(max(_STRETCH / (_ONE + math.exp(-v[i])) + _OFFSET, _ZERO), _ONE)
        code = min(max(floor[i] + h, lower[i]), upper[i])
        difference[i] = code * scale[i] - weight[i]


@numba.njit(cache=True)
def descend(floor, up, lower, upper, scale, gram, slope, sweeps):  # type: ignore[no-untyped-def]
    """Flips roundings of one row, best first, as long as the squared error falls.

    Args:
        floor: Codes rounded down, float32 (d,).
        up: Whether each is rounded up, changed in place.
        lower: Lowest codes (d,).
        upper: Highest codes (d,).
        scale: Scales (d,).
        gram: Second moments of the inputs, float32 (d, d).
        slope: Half the gradient of the error by the weights, float64 (d,); changed in place.
        sweeps: Most flips for each weight.
    """
    for _ in range(sweeps * floor.size):
        best, gain = -1, -1e-12
        for i in range(floor.size):
            code = floor[i] + (0 if up[i] else 1)
            if code < lower[i] or code > upper[i]:
                continue
            delta = scale[i] * (-1 if up[i] else 1)
            change = 2 * delta * slope[i] + delta * delta * gram[i, i]
            if change < gain:
                best, gain = i, change
        if best < 0:
            return
        delta = scale[best] * (-1 if up[best] else 1)
        up[best] = not up[best]
        for i in range(floor.size):
            slope[i] += delta * gram[best, i]
