# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Convolutions and their gradients as sums of shifted planes, without a copy for each tap.

The images of a chunk are laid out in planes: one for each channel and, with a stride, for each
phase of the stride, their rows and images apart by the zeros that taps reach beyond the edge::

    0 0 0 0                  With rows of S values, a tap at (ky, kx) of all outputs is the plane
    0 a b c                  from ``ky S + kx`` on: one long row. A row's left margin is the right
    0 d e f                  one of the row before.
    0 0 0 0

An output is then ``sum_k w_k row_k`` over all taps k of all channels, the gradient of the weights
``sum_p dy[p] row_k[p]``, and the gradient of the input again the first sum, of planes of dy. Nine
rows are walked at once for two outputs, so that each value that is read is used twice.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, Tuple

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE
from nnabla_compress.kernels.threads import shared

# Rows that are walked at once, and values of a row that stay in the first cache: no power of two,
# which would put all rows into the same lines of it.
NINE = 9
_SPAN = 1920
# Rows are a multiple of this long, so that the processor's vectors leave no rest.
_VECTOR = 32
# Sums in any order, in the registers that the processor has; NaN and infinity stay what they are.
_FREE = {"contract", "reassoc", "nsz"}
# Sums that the gradient of a weight is made of, whatever the number of threads.
_SHARES = 8
# Products that take as long as a value of the kernels that ``shared`` has its limit from.
_PRODUCTS = 32
Pair = Tuple[int, int]


class Geometry(NamedTuple):
    """Sizes of a two-dimensional convolution.

    Args:
        image: Height and width of the input.
        kernel: Those of the kernel.
        pad: Zeros on each side.
        stride: Step of the outputs.
        dilation: Step of the taps.
        group: Groups of channels.
    """

    image: Pair
    kernel: Pair
    pad: Pair
    stride: Pair
    dilation: Pair
    group: int

    @property
    def output(self) -> Pair:
        """Height and width of the output."""
        height, width = (
            (self.image[i] + 2 * self.pad[i] - self.dilation[i] * (self.kernel[i] - 1) - 1)
            // self.stride[i]
            + 1
            for i in (0, 1)
        )
        return height, width


class _Planes(NamedTuple):
    """How images lie in planes.

    Args:
        size: Rows and columns of an image in a plane.
        margin: Those of them that come before its first pixel.
        stride: Pixels from one value of a plane to the next.
        phases: Phases of the stride that have a plane, shape (phases, 2).
        reach: How far the last value lies that a tap of the last output reads behind it.
    """

    size: np.ndarray
    margin: np.ndarray
    stride: np.ndarray
    phases: np.ndarray
    reach: int

    @property
    def span(self) -> int:
        """Values of an image in a plane."""
        return int(self.size[0] * self.size[1])


class _Target(NamedTuple):
    """Which pixels of an image the values of a plane are: their first, step and number."""

    first: np.ndarray
    step: np.ndarray
    number: np.ndarray


def convolve(x: np.ndarray, w: np.ndarray, geometry: Geometry, out: np.ndarray) -> None:
    """Writes the convolution of images to ``out``.

    Args:
        x: float32, shape (N, C, H, W).
        w: float32, shape (O, C / group, kernel height, kernel width).
        geometry: Sizes.
        out: float32, shape (N, O, output height, output width); overwritten.

    Example:
        >>> geometry = Geometry((1, 3), (1, 2), (0, 0), (1, 1), (1, 1), 1)
        >>> out = np.empty((1, 1, 1, 2), np.float32)
        >>> convolve(np.float32([[[[1, 2, 3]]]]), np.float32([[[[10, 1]]]]), geometry, out)
        >>> out.tolist()
        [[[[12.0, 23.0]]]]
    """
    planes, plane, offset = _forward_rows(geometry, x.shape[1])
    weights = _padded(w.reshape(geometry.group, w.shape[0] // geometry.group, -1))
    target = _Target(np.array((0, 0)), np.array((1, 1)), np.array(geometry.output))
    _combine(x, planes, plane, offset, weights, target, out, False)


def weight_gradient(
    x: np.ndarray, dy: np.ndarray, geometry: Geometry, shape: Tuple[int, ...]
) -> np.ndarray:
    """Returns the gradient of the weight, float32 of its shape.

    Args:
        x: Input, float32, shape (N, C, H, W).
        dy: Gradient of the output, float32, shape (N, O, output height, output width).
        geometry: Sizes.
        shape: That of the weight.

    Example:
        >>> geometry = Geometry((1, 3), (1, 2), (0, 0), (1, 1), (1, 1), 1)
        >>> x, dy = np.float32([[[[1, 2, 3]]]]), np.float32([[[[10, 1]]]])
        >>> weight_gradient(x, dy, geometry, (1, 1, 1, 2)).tolist()
        [[[[12.0, 23.0]]]]
    """
    planes, plane, offset = _forward_rows(geometry, x.shape[1])
    images = _images(planes, len(x))
    shares = min(_SHARES, -(-len(x) // images))
    taps = int(np.prod(shape[1:]))
    sums = np.zeros(
        (shares, geometry.group, shape[0] // geometry.group, plane.shape[1]), np.float32
    )
    size = len(x) * planes.span * shape[0] * taps // _PRODUCTS
    _row_products(size, x, dy, *planes, images, plane, offset, sums)
    return sums.sum(0)[..., :taps].reshape(shape)


def input_gradient(
    dy: np.ndarray, w: np.ndarray, geometry: Geometry, out: np.ndarray, accumulate: bool
) -> None:
    """Writes the gradient of the input to ``out``, or adds it.

    Args:
        dy: Gradient of the output, float32, shape (N, O, output height, output width).
        w: Weight, float32, shape (O, C / group, kernel height, kernel width).
        geometry: Sizes.
        out: float32, shape (N, C, H, W).
        accumulate: Add to what ``out`` holds.

    Example:
        >>> geometry = Geometry((1, 3), (1, 2), (0, 0), (1, 1), (1, 1), 1)
        >>> out = np.empty((1, 1, 1, 3), np.float32)
        >>> dy, w = np.float32([[[[1, 2]]]]), np.float32([[[[10, 1]]]])
        >>> input_gradient(dy, w, geometry, out, False)
        >>> out.tolist()
        [[[[10.0, 21.0, 2.0]]]]
    """
    stride = geometry.stride
    for phase in np.ndindex(*stride):
        _phase_gradient(dy, w, geometry, phase, out, accumulate)


def _taps(geometry: Geometry) -> np.ndarray:
    """Returns the place of each tap from the first pixel that a kernel sees, shape (taps, 2)."""
    places = np.indices(geometry.kernel).reshape(2, -1).T
    return np.asarray(places * np.array(geometry.dilation))


@lru_cache(maxsize=256)
def _forward_rows(geometry: Geometry, channels: int) -> Tuple[_Planes, np.ndarray, np.ndarray]:
    """Returns the planes of the input, and of each group and tap the plane and its offset."""
    taps, stride = _taps(geometry), np.array(geometry.stride)
    offset, phase = taps // stride, taps % stride
    reach = offset.max(0)
    # Without a stride, a row's right margin is the left one of the next.
    margin = np.maximum(reach - geometry.pad, 0) if geometry.stride == (1, 1) else reach
    size = np.array(geometry.output) + margin
    phases, of_tap = np.unique(phase, axis=0, return_inverse=True)
    last = int(reach[0] * size[1] + reach[1])
    planes = _Planes(size, np.array(geometry.pad), stride, phases, last)
    plane = np.arange(channels)[:, None] * len(phases) + of_tap.reshape(-1)
    plane = plane.reshape(geometry.group, -1)
    flat = np.tile(offset[:, 0] * size[1] + offset[:, 1], channels).reshape(geometry.group, -1)
    return planes, _padded(plane), _padded(flat)


def _phase_gradient(
    dy: np.ndarray,
    w: np.ndarray,
    geometry: Geometry,
    phase: Tuple[int, ...],
    out: np.ndarray,
    accumulate: bool,
) -> None:
    """Writes the gradient of the pixels that lie at one phase of the stride."""
    stride, pad, image = (
        np.array(pair) for pair in (geometry.stride, geometry.pad, geometry.image)
    )
    # The first row and column of this phase's plane that is no margin, and how many there are.
    begin = -((phase - pad) // stride)
    first = begin * stride + phase - pad
    count = np.maximum(-((first - image) // stride), 0)
    taps = _taps(geometry)
    mine = np.flatnonzero((taps % stride == phase).all(1))
    if not len(mine):
        if not accumulate:
            out[:, :, first[0] :: stride[0], first[1] :: stride[1]] = 0
        return
    offset = taps[mine] // stride
    reach = (taps // stride).max(0)
    margin = np.maximum(reach - begin, 0)
    size = np.maximum(np.array(geometry.output) + margin, count + begin)
    place = begin + margin - offset
    last = int(begin.max() + margin.max()) * (int(size[1]) + 1)
    planes = _Planes(size, margin, np.array((1, 1)), np.zeros((1, 2), np.int64), last)
    group, outputs = geometry.group, w.shape[0] // geometry.group
    flat = np.tile(place[:, 0] * size[1] + place[:, 1], w.shape[0]).reshape(group, -1)
    plane = np.repeat(np.arange(w.shape[0]), len(mine)).reshape(group, -1)
    of_tap = w.reshape(group, outputs, w.shape[1], -1)[..., mine]
    weights = of_tap.transpose(0, 2, 1, 3).reshape(group, w.shape[1], -1)
    target = _Target(first, stride, count)
    _combine(dy, planes, _padded(plane), _padded(flat), _padded(weights), target, out, accumulate)


def _padded(rows: np.ndarray) -> np.ndarray:
    """Returns rows (..., K) with zeros up to a multiple of nine."""
    lacking = -rows.shape[-1] % NINE
    widths = [(0, 0)] * (rows.ndim - 1) + [(0, lacking)]
    return np.ascontiguousarray(np.pad(rows, widths))


def _images(planes: _Planes, samples: int) -> int:
    """Returns how many images are laid out together."""
    return max(1, min(samples, _SPAN // planes.span))


def _parts(samples: int, images: int) -> int:
    """Returns how many threads share the chunks: each has planes of its own."""
    return min(numba.get_num_threads(), -(-samples // images))


def _combine(
    x: np.ndarray,
    planes: _Planes,
    plane: np.ndarray,
    offset: np.ndarray,
    weights: np.ndarray,
    target: _Target,
    out: np.ndarray,
    accumulate: bool,
) -> None:
    size = len(x) * planes.span * weights.size // _PRODUCTS
    images = _images(planes, len(x))
    parts = _parts(len(x), images)
    _sums_of_rows(size, x, *planes, images, parts, plane, offset, weights, *target, out, accumulate)


@numba.njit(cache=CACHE)
def _whole(span):  # type: ignore[no-untyped-def]
    """Returns the length of rows that hold so many values."""
    return (span + _VECTOR - 1) // _VECTOR * _VECTOR


@numba.njit(cache=CACHE)
def _copy(source, step, target):  # type: ignore[no-untyped-def]
    """Copies each value that is a step from the one before."""
    if step == 1:
        for i in range(target.size):
            target[i] = source[i]
    else:
        for i in range(target.size):
            target[i] = source[i * step]


@numba.njit(cache=CACHE)
def _spread(source, target, step, count):  # type: ignore[no-untyped-def]
    """Copies values to places that are a step apart."""
    if step == 1:
        for i in range(count):
            target[i] = source[i]
    else:
        for i in range(count):
            target[i * step] = source[i]


@numba.njit(cache=CACHE)
def _lay_out(x, start, images, size, margin, stride, phases, p):  # type: ignore[no-untyped-def]
    """Copies images into planes; what no pixel is copied to stays as it is."""
    height, width = x.shape[2:]
    rows, columns = size
    down, right = stride
    for c in range(x.shape[1]):
        for f in range(len(phases)):
            upper, begin = phases[f] - margin
            row = p[c * len(phases) + f]
            left = max(0, -(begin // right))
            end = min(columns, (width - 1 - begin) // right + 1)
            for b in range(images):
                for r in range(rows):
                    y = r * down + upper
                    if 0 <= y < height:
                        at = (b * rows + r) * columns
                        _copy(
                            x[start + b, c, y, begin + left * right :],
                            right,
                            row[at + left : at + end],
                        )


@numba.njit(inline="always")
def _nine_rows(p, plane, offset, k, at):  # type: ignore[no-untyped-def]
    return (
        p[plane[k], offset[k] + at :],
        p[plane[k + 1], offset[k + 1] + at :],
        p[plane[k + 2], offset[k + 2] + at :],
        p[plane[k + 3], offset[k + 3] + at :],
        p[plane[k + 4], offset[k + 4] + at :],
        p[plane[k + 5], offset[k + 5] + at :],
        p[plane[k + 6], offset[k + 6] + at :],
        p[plane[k + 7], offset[k + 7] + at :],
        p[plane[k + 8], offset[k + 8] + at :],
    )


@numba.njit(inline="always")
def _nine(w, k):  # type: ignore[no-untyped-def]
    return (
        w[k],
        w[k + 1],
        w[k + 2],
        w[k + 3],
        w[k + 4],
        w[k + 5],
        w[k + 6],
        w[k + 7],
        w[k + 8],
    )


@numba.njit(inline="always")
def _values(r, i):  # type: ignore[no-untyped-def]
    return r[0][i], r[1][i], r[2][i], r[3][i], r[4][i], r[5][i], r[6][i], r[7][i], r[8][i]


@numba.njit(fastmath=_FREE, inline="always")
def _dot(w, v):  # type: ignore[no-untyped-def]
    return (
        w[0] * v[0]
        + w[1] * v[1]
        + w[2] * v[2]
        + w[3] * v[3]
        + w[4] * v[4]
        + w[5] * v[5]
        + w[6] * v[6]
        + w[7] * v[7]
        + w[8] * v[8]
    )


@numba.njit(fastmath=_FREE, inline="always")
def _plus(s, d, v):  # type: ignore[no-untyped-def]
    return (
        s[0] + d * v[0],
        s[1] + d * v[1],
        s[2] + d * v[2],
        s[3] + d * v[3],
        s[4] + d * v[4],
        s[5] + d * v[5],
        s[6] + d * v[6],
        s[7] + d * v[7],
        s[8] + d * v[8],
    )


@numba.njit(fastmath=_FREE, cache=CACHE)
def _add_to_one(rows, a, first):  # type: ignore[no-untyped-def]
    for i in range(first.size):
        first[i] += _dot(a, _values(rows, i))


@numba.njit(fastmath=_FREE, cache=CACHE)
def _add_to_two(rows, a, b, first, second):  # type: ignore[no-untyped-def]
    for i in range(first.size):
        v = _values(rows, i)
        one, two = _dot(a, v), _dot(b, v)
        first[i] += one
        second[i] += two


@numba.njit(cache=CACHE)
def _add_nine(sums, k, s):  # type: ignore[no-untyped-def]
    sums[k] += s[0]
    sums[k + 1] += s[1]
    sums[k + 2] += s[2]
    sums[k + 3] += s[3]
    sums[k + 4] += s[4]
    sums[k + 5] += s[5]
    sums[k + 6] += s[6]
    sums[k + 7] += s[7]
    sums[k + 8] += s[8]


@numba.njit(fastmath=_FREE, cache=CACHE)
def _products_of_one(rows, d, sums, k):  # type: ignore[no-untyped-def]
    z = np.float32(0)
    a = (z, z, z, z, z, z, z, z, z)
    for i in range(d.size):
        a = _plus(a, d[i], _values(rows, i))
    _add_nine(sums, k, a)


@numba.njit(fastmath=_FREE, cache=CACHE)
def _products_of_two(rows, d, e, sums_d, sums_e, k):  # type: ignore[no-untyped-def]
    z = np.float32(0)
    a = (z, z, z, z, z, z, z, z, z)
    b = (z, z, z, z, z, z, z, z, z)
    for i in range(d.size):
        v = _values(rows, i)
        a = _plus(a, d[i], v)
        b = _plus(b, e[i], v)
    _add_nine(sums_d, k, a)
    _add_nine(sums_e, k, b)


@shared(*_FREE)
def _sums_of_rows(  # type: ignore[no-untyped-def]
    x, size, margin, stride, phases, reach, images, parts, plane, offset, weights, first, step,
    count, out, accumulate,
):  # fmt: skip
    groups, outputs, taps = weights.shape
    span = _whole(images * size[0] * size[1])
    for part in numba.prange(parts):
        p = np.zeros((x.shape[1] * len(phases), span + reach), np.float32)
        sums = np.empty((outputs, span), np.float32)
        for start in range(part * images, x.shape[0], parts * images):
            here = min(images, x.shape[0] - start)
            _lay_out(x, start, here, size, margin, stride, phases, p)
            for g in range(groups):
                sums[:] = 0
                _add_rows(p, plane[g], offset[g], weights[g], sums)
                for b in range(here):
                    for o in range(outputs):
                        to = out[start + b, g * outputs + o]
                        for r in range(count[0]):
                            row = sums[o, (b * size[0] + r) * size[1] :]
                            line = to[first[0] + r * step[0], first[1] :]
                            if accumulate:
                                for i in range(count[1]):
                                    line[i * step[1]] += row[i]
                            else:
                                _spread(row, line, step[1], count[1])


@numba.njit(cache=CACHE)
def _add_rows(p, plane, offset, weights, sums):  # type: ignore[no-untyped-def]
    """Adds ``weights @ rows`` to sums, two outputs and nine rows at a time."""
    outputs, taps = weights.shape
    for at in range(0, sums.shape[1], _SPAN):
        end = min(sums.shape[1], at + _SPAN)
        for k in range(0, taps, NINE):
            rows = _nine_rows(p, plane, offset, k, at)
            o = 0
            while o + 2 <= outputs:
                _add_to_two(
                    rows,
                    _nine(weights[o], k),
                    _nine(weights[o + 1], k),
                    sums[o, at:end],
                    sums[o + 1, at:end],
                )
                o += 2
            if o < outputs:
                _add_to_one(rows, _nine(weights[o], k), sums[o, at:end])


@shared(*_FREE)
def _row_products(  # type: ignore[no-untyped-def]
    x, dy, size, margin, stride, phases, reach, images, plane, offset, sums
):
    shares, groups, outputs, taps = sums.shape
    span = _whole(images * size[0] * size[1])
    for share in numba.prange(shares):
        p = np.zeros((x.shape[1] * len(phases), span + reach), np.float32)
        d = np.zeros((dy.shape[1], span), np.float32)
        for start in range(share * images, x.shape[0], shares * images):
            here = min(images, x.shape[0] - start)
            _lay_out(x, start, here, size, margin, stride, phases, p)
            for o in range(dy.shape[1]):
                for b in range(here):
                    for y in range(dy.shape[2]):
                        row = d[o, (b * size[0] + y) * size[1] :]
                        _spread(dy[start + b, o, y], row, 1, dy.shape[3])
            end = _whole(here * size[0] * size[1])
            d[:, here * size[0] * size[1] : end] = 0  # of a chunk with more images
            for g in range(groups):
                own = d[g * outputs : (g + 1) * outputs]
                _add_products(p, plane[g], offset[g], own, end, sums[share, g])


@numba.njit(cache=CACHE)
def _add_products(p, plane, offset, d, span, sums):  # type: ignore[no-untyped-def]
    """Adds ``d @ rows.T`` to sums, two outputs and nine rows at a time."""
    outputs, taps = sums.shape
    for at in range(0, span, _SPAN):
        end = min(span, at + _SPAN)
        for k in range(0, taps, NINE):
            rows = _nine_rows(p, plane, offset, k, at)
            o = 0
            while o + 2 <= outputs:
                _products_of_two(rows, d[o, at:end], d[o + 1, at:end], sums[o], sums[o + 1], k)
                o += 2
            if o < outputs:
                _products_of_one(rows, d[o, at:end], sums[o], k)
