# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The integer kernels of the runtime, one number at a time, with Python's own integers.

Written from the description of the arithmetic, without NumPy's types: whatever wraps or saturates
does so in a line of its own.
"""

from __future__ import annotations

import itertools
import math


def wrap(value, bits):
    return (value + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def clip(value, bits):
    return max(-(1 << bits - 1), min((1 << bits - 1) - 1, value))


def quotient(a, b):
    """Division toward zero."""
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def satadd(a, b, bits):
    r = wrap(a + b, bits)
    if a > 0 and b > 0 and r < 0:
        return (1 << bits - 1) - 1
    if a < 0 and b < 0 and r > 0:
        return -(1 << bits - 1)
    return r


def satsub(a, b, bits):
    r = wrap(a - b, bits)
    if a > 0 and b < 0 and r < 0:
        return (1 << bits - 1) - 1
    if a < 0 and b > 0 and r > 0:
        return -(1 << bits - 1)
    return r


def rescale(value, p, q, bits):
    if p > q:
        return wrap(quotient(value, wrap(1 << p - q, bits)), bits)
    if p < q:
        return clip(wrap(value * wrap(1 << q - p, 2 * bits), 2 * bits), bits)
    return value


def constant(value, k, bits):
    if value >= (1 << bits - 1 - k) - (k == 0):
        return (1 << bits - 1 - k) - (k == 0)
    if value <= -(1 << bits - 1 - k):
        return -(1 << bits - 1 - k)
    scaled = value * (1 << k)
    return int(math.copysign(math.floor(abs(scaled) + 0.5), scaled))


def scalar_bits(value, bits):
    return math.floor(max(0, bits - 1 - math.log2(1 + abs(value))) + 0.5)


def convolution(x, w, b, n, bits, pad, stride, dilation, group):
    """2-D; x [C][H][W], w [O][C / group][kh][kw], b [O]; returns [O][H'][W']."""
    height, width, maps, channels = len(x[0]), len(x[0][0]), len(w), len(w[0])
    kh, kw = len(w[0][0]), len(w[0][0][0])
    rows = (height + 2 * pad[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    columns = (width + 2 * pad[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    out = [[[0] * columns for _ in range(rows)] for _ in range(maps)]
    for o, r, c in itertools.product(range(maps), range(rows), range(columns)):
        acc, first = 0, o // (maps // group) * channels
        for i in range(channels):
            s = 0
            for ky, kx in itertools.product(range(kh), range(kw)):
                y0 = r * stride[0] - pad[0] + ky * dilation[0]
                x0 = c * stride[1] - pad[1] + kx * dilation[1]
                if 0 <= y0 < height and 0 <= x0 < width:
                    s += x[first + i][y0][x0] * w[o][i][ky][kx]
            acc = clip(acc + quotient(s, 1 << n), bits)
        out[o][r][c] = satadd(acc, b[o], bits)
    return out


def affine(x, w, b, n, bits):
    """x [I], w [O][I], b [O]."""
    sums = [sum(p * q for p, q in zip(x, row)) for row in w]
    return [satadd(clip(quotient(s, 1 << n), bits), c, bits) for s, c in zip(sums, b)]


def pool(kind, window, taps, p, q, bits):
    """One window: its numbers inside the image, and what an average divides by."""
    if kind == "MaxPooling":
        return rescale(max(window), p, q, bits)
    total = wrap(sum(window), 2 * bits)
    if kind == "SumPooling":
        if p > q:
            # INT8 sums are rescaled as INT16, INT16 sums as INT32
            total = quotient(total, wrap(1 << p - q, 2 * bits))
        else:
            total = clip(total << q - p, 2 * bits)
        return clip(total, bits)
    average = wrap(quotient(total, taps), bits)
    if p > q:
        return wrap(quotient(average, wrap(1 << p - q, 2 * bits)), bits)
    return wrap(clip(average << q - p, 2 * bits), bits)
