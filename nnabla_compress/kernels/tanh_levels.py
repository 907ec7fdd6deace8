# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights squeezed by tanh onto evenly spaced levels beside zero, and the gradient through both.

With the largest magnitude p of all weights and m = tanh(p), a weight w becomes the odd integer next
to n tanh(w) / m, counted up from ties: ``2 floor(n / 2 * tanh(w) / m) + 1``, from -n to n. tanh
rises, so m is the largest of all tanh(w), and p is found without computing these. Sums of chunks
are kept apart in float64 and added in order, so no bit depends on the number of threads.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared

_CHUNK = 1 << 15
_ZERO, _ONE, _TWO = np.float32(0), np.float32(1), np.float32(2)
_TINY = float(np.finfo(np.float32).tiny)


def largest_magnitude(w: np.ndarray) -> np.float32:
    """Returns the largest magnitude of weights; NaN counts as nothing.

    Args:
        w: float32, shape (N,).

    Example:
        >>> float(largest_magnitude(np.float32([0.5, -2])))
        2.0
    """
    parts = np.zeros(max(1, -(-w.size // _CHUNK)), np.float32)
    _largest(w.size, w, parts)
    return np.float32(parts.max())


def squeezed_peak(largest: np.float32) -> np.float32:
    """Returns what tanh of the weights is divided by: tanh of their largest magnitude, or 1.

    Args:
        largest: The largest magnitude; weights that are all zero have no other size than 1.
    """
    peak = np.float32(math.tanh(float(largest)))
    return peak if peak >= _TINY else _ONE


def quantize(
    w: np.ndarray, peak: np.float32, levels: int, half_step: np.float32, out: np.ndarray
) -> None:
    """Writes ``half_step * (2 floor(levels / 2 * tanh(w) / peak) + 1)`` to ``out``.

    Args:
        w: float32, shape (N,).
        peak: What tanh is divided by, as :func:`squeezed_peak` returns it.
        levels: n, the largest odd integer.
        half_step: What the odd integers are multiplied by.
        out: float32, shape (N,); overwritten. NaN stays NaN.

    Example:
        >>> w, out = np.float32([1.2, 0.5, 0, -0.05, -0.7]), np.empty(5, np.float32)
        >>> quantize(w, squeezed_peak(largest_magnitude(w)), 3, np.float32(1), out)
        >>> out.tolist()
        [3.0, 1.0, 1.0, -1.0, -3.0]
    """
    half = np.float32(levels / 2)
    _quantize(w.size, w, peak, half, np.float32(levels), half_step, out)


def gradient(
    w: np.ndarray,
    dy: np.ndarray,
    largest: np.float32,
    peak: np.float32,
    scale: np.float32,
    dw: np.ndarray,
    accumulate: bool,
) -> None:
    """Writes the gradient of ``scale * tanh(w) / max |tanh(w)|``, through the maximum, too.

    The maximum's share goes to the weight of the largest magnitude; several share it equally.

    Args:
        w: float32, shape (N,).
        dy: Gradient of the quantized weights, likewise.
        largest: The largest magnitude of the weights.
        peak: What tanh was divided by.
        scale: What the quotient is multiplied by, taken as a constant.
        dw: float32, shape (N,).
        accumulate: Add to ``dw`` instead of overwriting it.

    Example:
        >>> w = np.float32([1.2, 0.5])
        >>> largest, dw = largest_magnitude(w), np.empty(2, np.float32)
        >>> gradient(w, np.float32([0, 1]), largest, squeezed_peak(largest), 1, dw, False)
        >>> dw.astype(float).round(4).tolist()
        [-0.2028, 0.9434]
    """
    chunks = max(1, -(-w.size // _CHUNK))
    products, ties = np.zeros(chunks), np.zeros(chunks, np.int64)
    factor = np.float32(float(scale) / float(peak))
    _gradient(w.size, w, dy, largest, factor, dw, accumulate, products, ties)
    if float(np.tanh(np.float64(largest))) < _TINY:
        return
    share = float(scale) * products.sum() / float(peak) ** 2 / max(1, int(ties.sum()))
    if share:
        _add_at_peaks(w.size, w, largest, share, dw)


@shared()
def _largest(w, parts):  # type: ignore[no-untyped-def]
    for chunk in numba.prange((w.size + _CHUNK - 1) // _CHUNK):
        found = _ZERO
        values = w[chunk * _CHUNK : (chunk + 1) * _CHUNK]
        for i in range(values.size):
            size = abs(values[i])
            found = size if size > found else found
        parts[chunk] = found


@shared()
def _quantize(w, peak, half, most, half_step, out):  # type: ignore[no-untyped-def]
    for chunk in numba.prange((w.size + _CHUNK - 1) // _CHUNK):
        start = chunk * _CHUNK
        values, result = w[start : start + _CHUNK], out[start : start + _CHUNK]
        for i in range(values.size):
            odd = _TWO * np.floor(np.float32(math.tanh(values[i])) / peak * half) + _ONE
            odd = -most if odd < -most else odd
            odd = most if odd > most else odd
            # + 0 turns -0, where the step is 0, into 0.
            result[i] = odd * half_step + _ZERO


@shared()
def _gradient(  # type: ignore[no-untyped-def]
    w, dy, largest, factor, dw, accumulate, products, ties
):
    for chunk in numba.prange((w.size + _CHUNK - 1) // _CHUNK):
        start = chunk * _CHUNK
        values, grad = w[start : start + _CHUNK], dy[start : start + _CHUNK]
        result = dw[start : start + _CHUNK]
        product: Any = 0.0
        count = 0
        for i in range(values.size):
            squeezed = np.float32(math.tanh(values[i]))
            product += np.float64(grad[i] * squeezed)
            count += 1 if abs(values[i]) == largest else 0
            slope = (_ONE - squeezed) * (_ONE + squeezed) * factor * grad[i]
            result[i] = result[i] + slope if accumulate else slope
        products[chunk], ties[chunk] = product, count


@shared()
def _add_at_peaks(w, largest, share, dw):  # type: ignore[no-untyped-def]
    for chunk in numba.prange((w.size + _CHUNK - 1) // _CHUNK):
        for i in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, w.size)):
            if abs(w[i]) == largest:
                squeezed = math.tanh(w[i])
                slope = (1 - squeezed) * (1 + squeezed)
                dw[i] -= np.float32(slope * share if squeezed > 0 else -slope * share)
