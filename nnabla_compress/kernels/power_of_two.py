# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Quantization of a tensor to powers of two in one pass, and its gradients in another.

``2**floor(0.5 + log2|x|)`` needs no logarithm: a float32 is a mantissa in [1, 2) times a power of
two, and the power goes up by one where the mantissa is above sqrt(2). Adding to the bits of the
number what a mantissa just above sqrt(2) lacks to 2 carries into the exponent exactly there; the
mantissa is then masked out. No float32 equals sqrt(2) 2**k, so there are no ties. Positive floats
are ordered like their bits, so clipping works on the bits as well.
"""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared

_CHUNK = 1 << 15
_BLOCK = 1 << 9
_MAGNITUDE = np.int32(0x7FFFFFFF)
_INFINITY = np.int32(0x7F800000)
_ROUND_UP = np.int32(0x00800000 - 0x003504F4)  # 0x3504F4: first mantissa above sqrt(2)
_ZERO, _SIGN = np.int32(0), np.int32(-(2**31))
_MINUS, _PLUS, _NO = np.float32(-1), np.float32(1), np.float32(0)


def quantize(
    x: np.ndarray, q_min: float, q_max: float, signed: bool, zero: bool, out: np.ndarray
) -> None:
    """Writes the nearest power of two, in the logarithm, from ``q_min`` to ``q_max``.

    ``sign(x) clip(2**floor(0.5 + log2|x|), q_min, q_max)``; with ``zero``, values whose power of
    two is below ``q_min`` (|x| < q_min / sqrt(2)) become 0; without, 0 becomes +q_min.

    Args:
        x: float32, any shape, C order.
        q_min: Smallest magnitude, a power of two, at least 2**-126.
        q_max: Largest magnitude, a power of two.
        signed: False to take negative values as 0.
        zero: Whether 0 is one of the values.
        out: float32 of the shape of ``x``; overwritten. NaN stays NaN; zero is +0.

    Example:
        >>> out = np.empty(5, np.float32)
        >>> quantize(np.float32([-9, -0.1, 0, 1.4, 1.5]), 0.25, 4.0, True, True, out)
        >>> out.tolist()
        [-4.0, 0.0, 0.0, 1.0, 2.0]
    """
    low, high = (int(np.float32(q).view(np.int32)) for q in (q_min, q_max))
    smallest = np.int32(0 if zero else low)
    _quantize(
        x.size,
        x.reshape(-1).view(np.int32),
        np.int32(low),
        np.int32(high),
        smallest,
        signed,
        out.reshape(-1).view(np.int32),
    )


def gradients(
    x: np.ndarray,
    dy: np.ndarray,
    q_min: float,
    q_max: float,
    signed: bool,
    zero: bool,
    dx: Optional[np.ndarray],
    accumulate: bool,
) -> Tuple[float, float]:
    """Writes the gradient of ``x`` and returns the sums that those of the range are made of.

    The gradient of ``x`` is ``dy |Q(x)| / |x|`` where q_min < |x| <= q_max and 0 elsewhere.

    Args:
        x: float32, any shape, C order.
        dy: Gradient of the output, of the same shape.
        q_min: Smallest magnitude, a power of two.
        q_max: Largest magnitude, a power of two.
        signed: False to take negative values as 0.
        zero: Whether 0 is one of the values.
        dx: float32 of the shape of ``x``; None if nobody wants it.
        accumulate: Add to ``dx`` instead of overwriting it.

    Returns:
        The float64 sums of ``dy sgn(x)`` where |x| <= q_min (and Q(x) is not 0), with
        sgn(0) = 1, and where |x| > q_max.

    Example:
        >>> dx = np.empty(3, np.float32)
        >>> gradients(np.float32([-9, -0.2, 1.6]), np.float32([1, 3, 2]), 0.25, 4.0, True, True, dx,
        ...           False)
        (-3.0, -1.0)
        >>> dx.tolist()
        [0.0, 0.0, 2.5]
    """
    flat, grad = x.reshape(-1), dy.reshape(-1)
    if dx is None:
        dx, accumulate = np.empty_like(x), False
    low, high = (int(np.float32(q).view(np.int32)) for q in (q_min, q_max))
    smallest = np.int32(0 if zero else low)
    chunks = -(-flat.size // _CHUNK)
    lower, upper = np.zeros(chunks), np.zeros(chunks)
    _gradients(
        x.size,
        flat,
        flat.view(np.int32),
        grad,
        np.float32(q_min),
        np.float32(q_max),
        np.int32(low),
        np.int32(high),
        smallest,
        signed,
        dx.reshape(-1),
        accumulate,
        lower,
        upper,
    )
    return float(lower.sum()), float(upper.sum())


@numba.njit(inline="always")
def _magnitude(size, low, high, smallest):  # type: ignore[no-untyped-def]
    # numba widens integers: cast back, so that a vector register holds more of them. Infinity would
    # overflow when rounded up, and is clipped to q_max anyway.
    size = high if size > high else size
    power = np.int32(np.int32(size + _ROUND_UP) & _INFINITY)
    power = high if power > high else power
    return smallest if power < low else power


@shared()
def _quantize(x, low, high, smallest, signed, out):  # type: ignore[no-untyped-def]
    # Unsigned: negative numbers have a size of 0 and no sign.
    signs, negative = (_SIGN, _SIGN) if signed else (_ZERO, _ZERO)
    for chunk in numba.prange((x.size + _CHUNK - 1) // _CHUNK):
        start = chunk * _CHUNK
        row, result = x[start : start + _CHUNK], out[start : start + _CHUNK]
        for i in range(row.size):
            bits = row[i]
            size = np.int32(bits & _MAGNITUDE)
            is_number = size <= _INFINITY
            size = size if bits >= negative else _ZERO
            power = _magnitude(size, low, high, smallest)
            # -0 has the value of 0, and a result of 0 has no sign.
            sign = np.int32(bits & signs)
            sign = _ZERO if size == _ZERO else sign
            sign = _ZERO if power == _ZERO else sign
            result[i] = np.int32(power | sign) if is_number else bits


@shared("reassoc")
def _gradients(  # type: ignore[no-untyped-def]
    x, bits, dy, q_min, q_max, low, high, smallest, signed, dx, accumulate, lower, upper
):
    below = _MINUS if signed else _NO
    for chunk in numba.prange((x.size + _CHUNK - 1) // _CHUNK):
        powers = np.empty(_BLOCK, np.int32)
        magnitudes = powers.view(np.float32)
        least: Any = 0.0
        most: Any = 0.0
        for start in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, x.size), _BLOCK):
            row, grad = x[start : start + _BLOCK], dy[start : start + _BLOCK]
            row_bits, result = bits[start : start + _BLOCK], dx[start : start + _BLOCK]
            for i in range(row.size):
                powers[i] = _magnitude(np.int32(row_bits[i] & _MAGNITUDE), low, high, smallest)
            # A block is short enough to be added up in float32, eight values at a time.
            block_least, block_most = _NO, _NO
            for i in range(row.size):
                size = abs(row[i])
                sign = _PLUS if row[i] >= _NO else below
                g = sign * grad[i]
                block_least += g if (size <= q_min) & (powers[i] > _ZERO) else _NO
                block_most += g if size > q_max else _NO
            least += block_least
            most += block_most
            for i in range(row.size):
                size = abs(row[i])
                kept = (size > q_min) & (size <= q_max) & (signed | (row[i] > _NO))
                # The divisor is never 0: outside the range the quotient is not used.
                ratio = magnitudes[i] / (size if kept else _PLUS)
                magnitudes[i] = grad[i] * ratio if kept else _NO
            if accumulate:
                for i in range(row.size):
                    result[i] += magnitudes[i]
            else:
                for i in range(row.size):
                    result[i] = magnitudes[i]
        lower[chunk], upper[chunk] = least, most
