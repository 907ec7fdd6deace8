# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Loops of convolutions and affine functions: additions in order, many samples or maps at once.

The innermost loop runs over samples, or over the maps of a group where these are more: it becomes
vector instructions without touching the order in which the products of one number are added.
Nothing is contracted to fused multiply-adds.
"""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE
from nnabla_compress.simulator.geometry import Taps


def convolve(
    x: np.ndarray,
    w: np.ndarray,
    taps: Taps,
    alpha: np.ndarray,
    bias: np.ndarray,
    coefficient: np.float32,
    low: int,
    high: int,
    out: np.ndarray,
) -> None:
    """Float and generic convolution: sums per input channel, added channel by channel.

    Args:
        x: float32 (batch, groups, channels, positions, lanes).
        w: float32 (groups, maps, channels, taps).
        taps: Which number of the image each tap reads.
        alpha: float32 (groups, maps), or with no elements.
        bias: float32 (groups, maps), or with no elements.
        coefficient: 2**-fp_pos of an integer output, which holds the running value; else 0.
        low: Least number of an integer output.
        high: Largest number of an integer output.
        out: float32 (batch, groups, maps, output positions, lanes).
    """
    if w.shape[1] > x.shape[4]:
        by_tap = np.ascontiguousarray(w.transpose(0, 2, 3, 1))
        finite = bool(np.isfinite(w).all())  # else 0 times a weight need not be 0
        _convolve_maps(x, by_tap, *taps, alpha, bias, coefficient, low, high, finite, out)
    else:
        _convolve_lanes(x, w, *taps, alpha, bias, coefficient, low, high, out)


@numba.njit(cache=CACHE)
def _convolve_lanes(x, w, rows, columns, alpha, bias, coefficient, low, high, out):  # type: ignore[no-untyped-def]
    lanes = x.shape[4]
    total, part = np.empty(lanes, np.float32), np.empty(lanes, np.float32)
    for b in range(x.shape[0]):
        for g in range(x.shape[1]):
            for p in range(rows.shape[0] * columns.shape[0]):
                top, left = rows[p // columns.shape[0]], columns[p % columns.shape[0]]
                for m in range(w.shape[1]):
                    for lane in range(lanes):
                        total[lane] = 0
                    for c in range(w.shape[2]):
                        for lane in range(lanes):
                            part[lane] = 0
                        for i in range(top.size):
                            for j in range(left.size):
                                if top[i] >= 0 and left[j] >= 0:
                                    position = top[i] + left[j]
                                    weight = w[g, m, c, i * left.size + j]
                                    for lane in range(lanes):
                                        part[lane] += x[b, g, c, position, lane] * weight
                        for lane in range(lanes):
                            total[lane] += part[lane]
                        if coefficient != 0:
                            _store_and_load(total, coefficient, low, high)
                    if alpha.size:
                        for lane in range(lanes):
                            total[lane] *= alpha[g, m]
                        if coefficient != 0:
                            _store_and_load(total, coefficient, low, high)
                    if bias.size:
                        for lane in range(lanes):
                            total[lane] += bias[g, m]
                        if coefficient != 0:
                            _store_and_load(total, coefficient, low, high)
                    for lane in range(lanes):
                        out[b, g, m, p, lane] = total[lane]


@numba.njit(cache=CACHE)
def _convolve_maps(x, w, rows, columns, alpha, bias, coefficient, low, high, finite, out):  # type: ignore[no-untyped-def]
    maps = w.shape[3]
    total, part = np.empty(maps, np.float32), np.empty(maps, np.float32)
    for b in range(x.shape[0]):
        for g in range(x.shape[1]):
            for p in range(rows.shape[0] * columns.shape[0]):
                top, left = rows[p // columns.shape[0]], columns[p % columns.shape[0]]
                for lane in range(x.shape[4]):
                    total[:] = 0
                    for c in range(w.shape[1]):
                        part[:] = 0
                        for i in range(top.size):
                            for j in range(left.size):
                                if top[i] >= 0 and left[j] >= 0:
                                    value = x[b, g, c, top[i] + left[j], lane]
                                    k = i * left.size + j
                                    # A sum that began at 0 stays what it is by adding 0 or -0.
                                    if value != 0 or not finite:
                                        for m in range(maps):
                                            part[m] += value * w[g, c, k, m]
                        for m in range(maps):
                            total[m] += part[m]
                        if coefficient != 0:
                            _store_and_load(total, coefficient, low, high)
                    if alpha.size:
                        for m in range(maps):
                            total[m] *= alpha[g, m]
                        if coefficient != 0:
                            _store_and_load(total, coefficient, low, high)
                    if bias.size:
                        for m in range(maps):
                            total[m] += bias[g, m]
                        if coefficient != 0:
                            _store_and_load(total, coefficient, low, high)
                    for m in range(maps):
                        out[b, g, m, p, lane] = total[m]


@numba.njit(cache=CACHE)
def _store_and_load(total, coefficient, low, high):  # type: ignore[no-untyped-def]
    for i in range(total.shape[0]):
        quotient = total[i] / coefficient
        if quotient >= high:
            stored = high
        elif quotient <= low:
            stored = low
        elif quotient == quotient:
            stored = np.int64(quotient)
        else:
            stored = 0
        total[i] = np.float32(stored) * coefficient


def convolve_integers(
    x: np.ndarray,
    w: np.ndarray,
    taps: Taps,
    shift: int,
    low: int,
    high: int,
    out: np.ndarray,
) -> None:
    """Integer convolution: cut and limited once per input channel.

    Args:
        x: int8 or int16 (batch, groups, channels, positions, lanes).
        w: The type of the sums, int32 or int64 (groups, maps, channels, taps).
        taps: As in :func:`convolve`.
        shift: Bits to divide by after each channel.
        low: Least number of the type.
        high: Largest number of the type.
        out: Integers (batch, groups, maps, output positions, lanes), before the bias.
    """
    part = np.empty(max(w.shape[1], x.shape[4]), w.dtype)
    if w.shape[1] > x.shape[4]:
        by_tap = np.ascontiguousarray(w.transpose(0, 2, 3, 1))
        _convolve_integer_maps(x, by_tap, *taps, shift, low, high, part, out)
    else:
        _convolve_integer_lanes(x, w, *taps, shift, low, high, part, out)


@numba.njit(cache=CACHE)
def _convolve_integer_lanes(x, w, rows, columns, shift, low, high, part, out):  # type: ignore[no-untyped-def]
    lanes = x.shape[4]
    total = np.empty(lanes, np.int32)
    rounding = (1 << shift) - 1
    for b in range(x.shape[0]):
        for g in range(x.shape[1]):
            for p in range(rows.shape[0] * columns.shape[0]):
                top, left = rows[p // columns.shape[0]], columns[p % columns.shape[0]]
                for m in range(w.shape[1]):
                    for lane in range(lanes):
                        total[lane] = 0
                    for c in range(w.shape[2]):
                        for lane in range(lanes):
                            part[lane] = 0
                        for i in range(top.size):
                            for j in range(left.size):
                                if top[i] >= 0 and left[j] >= 0:
                                    position = top[i] + left[j]
                                    weight = w[g, m, c, i * left.size + j]
                                    for lane in range(lanes):
                                        part[lane] += x[b, g, c, position, lane] * weight
                        for lane in range(lanes):
                            s = part[lane]
                            if s < 0:
                                s += rounding
                            t = total[lane] + (s >> shift)
                            total[lane] = min(max(t, low), high)
                    for lane in range(lanes):
                        out[b, g, m, p, lane] = total[lane]


@numba.njit(cache=CACHE)
def _convolve_integer_maps(x, w, rows, columns, shift, low, high, part, out):  # type: ignore[no-untyped-def]
    maps = w.shape[3]
    total = np.empty(maps, np.int32)
    rounding = (1 << shift) - 1
    for b in range(x.shape[0]):
        for g in range(x.shape[1]):
            for p in range(rows.shape[0] * columns.shape[0]):
                top, left = rows[p // columns.shape[0]], columns[p % columns.shape[0]]
                for lane in range(x.shape[4]):
                    total[:] = 0
                    for c in range(w.shape[1]):
                        part[:] = 0
                        for i in range(top.size):
                            for j in range(left.size):
                                if top[i] < 0 or left[j] < 0:
                                    continue
                                value = x[b, g, c, top[i] + left[j], lane]
                                k = i * left.size + j
                                if value != 0:  # half of what a ReLU gives
                                    for m in range(maps):
                                        part[m] += value * w[g, c, k, m]
                        for m in range(maps):
                            s = part[m]
                            if s < 0:
                                s += rounding
                            t = total[m] + (s >> shift)
                            total[m] = min(max(t, low), high)
                    for m in range(maps):
                        out[b, g, m, p, lane] = total[m]


@numba.njit(cache=CACHE)
def multiply(x, w, total, out):  # type: ignore[no-untyped-def]
    """Affine function: sums over all inputs in order, exact for integers.

    Args:
        x: float32, int8 or int16 (rows, inputs, lanes).
        w: The type of x (outputs, inputs).
        total: float32 for float32, int32 or int64 for integers, (lanes,); overwritten.
        out: The type of ``total`` (rows, outputs, lanes).
    """
    lanes = x.shape[2]
    for r in range(x.shape[0]):
        for o in range(w.shape[0]):
            for lane in range(lanes):
                total[lane] = 0
            for i in range(w.shape[1]):
                weight = w[o, i]
                for lane in range(lanes):
                    total[lane] += x[r, i, lane] * weight
            for lane in range(lanes):
                out[r, o, lane] = total[lane]


@numba.njit(cache=CACHE)
def sum_products(x, w, rows, columns, out):  # type: ignore[no-untyped-def]
    """Convolution of integers, exact.

    Args:
        x: int8 (batch, groups, channels, positions, lanes).
        w: int32 (groups, maps, channels, taps).
        rows: As in :class:`~nnabla_compress.simulator.geometry.Taps`.
        columns: Likewise.
        out: int32 (batch, groups, maps, output positions, lanes).
    """
    lanes = x.shape[4]
    total = np.empty(lanes, np.int32)
    for b in range(x.shape[0]):
        for g in range(x.shape[1]):
            for p in range(rows.shape[0] * columns.shape[0]):
                top, left = rows[p // columns.shape[0]], columns[p % columns.shape[0]]
                for m in range(w.shape[1]):
                    total[:] = 0
                    for c in range(w.shape[2]):
                        for i in range(top.size):
                            for j in range(left.size):
                                if top[i] >= 0 and left[j] >= 0:
                                    position = top[i] + left[j]
                                    weight = w[g, m, c, i * left.size + j]
                                    for lane in range(lanes):
                                        total[lane] += x[b, g, c, position, lane] * weight
                    for lane in range(lanes):
                        out[b, g, m, p, lane] = total[lane]
