# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""MaxPooling, AveragePooling, SumPooling and Unpooling."""

from __future__ import annotations

import math
from typing import NamedTuple, Tuple

import numpy as np
from numpy.typing import DTypeLike

from nnabla_compress.simulator import fixed_point
from nnabla_compress.simulator.call import Call
from nnabla_compress.simulator.geometry import positions
from nnabla_compress.simulator.pooling_kernels import add_windows, largest_of_windows
from nnabla_compress.simulator.tensor import Tensor


class Windows(NamedTuple):
    """The windows of a pooling, as three axes."""

    x: Tuple[int, ...]  # (maps, height, width, depth)
    y: Tuple[int, ...]
    starts: np.ndarray
    ends: np.ndarray
    taps: np.ndarray  # int64 (height, width, depth): the number that averages divide by


def max_pooling(call: Call) -> None:
    """Largest of each window clipped to the image."""
    windows, x, y = _start(call)
    if call.integer_type:
        largest = fixed_point.rescale(_largest(windows, x.array), x.fp_pos, y.fp_pos)
        y.array[...] = _again(call, largest).reshape(y.array.shape)
    else:
        y.set(_largest(windows, x.get()).reshape(y.array.shape))


def average_pooling(call: Call) -> None:
    """Sum in raster order over the number of taps; integers wrap."""
    windows, x, y = _start(call)
    taps = windows.taps[None, ..., None]
    if not call.integer_type:
        y.set((_sum(windows, x.get(), np.float32) / taps.astype(np.float32)).reshape(y.array.shape))
        return
    dtype = y.array.dtype
    total = _sum(windows, x.array, fixed_point.WIDE[dtype]).astype(np.int64)
    average = fixed_point.divide(total, taps).astype(dtype)
    # Beyond the range of the output it is cut, not limited: the limit is that of twice the width.
    scaled = _rescale_wide(average.astype(fixed_point.WIDE[dtype]), x, y)
    y.array[...] = _again(call, scaled.astype(dtype)).reshape(y.array.shape)


def sum_pooling(call: Call) -> None:
    """Sum in raster order; integers wrap in twice their width and are limited at the end."""
    windows, x, y = _start(call)
    if not call.integer_type:
        y.set(_sum(windows, x.get(), np.float32).reshape(y.array.shape))
        return
    dtype = y.array.dtype
    total = _rescale_wide(_sum(windows, x.array, fixed_point.WIDE[dtype]), x, y)
    y.array[...] = _again(call, fixed_point.clip(total, dtype)).reshape(y.array.shape)


def unpooling(call: Call) -> None:
    """Repeats every value over a window."""
    call.expect((1,))
    values, kernel = call.inputs[0].get(), call.argument("kernel")
    first = len(call.inputs[0].shape) - len(kernel)
    if first < 0 or call.argument("channel_last"):
        raise call.misfit(f"kernel {kernel} does not fit")
    factors = (*[1] * first, *kernel)
    if tuple(n * k for n, k in zip(call.inputs[0].shape, factors)) != call.outputs[0].shape:
        raise call.misfit("the output does not fit")
    for axis, size in enumerate(factors):
        values = np.repeat(values, size, axis=axis)
    call.outputs[0].set(values)


def _start(call: Call) -> Tuple[Windows, Tensor, Tensor]:
    call.expect((1,))
    if "windows" not in call.plan:
        call.plan["windows"] = _windows(call)
    return call.plan["windows"], call.inputs[0], call.outputs[0]


def _windows(call: Call) -> Windows:
    kernel, pad = call.argument("kernel"), call.argument("pad")
    stride, shape = call.argument("stride") or kernel, call.inputs[0].shape
    if len(kernel) not in (2, 3):
        raise call.refused(
            f"has a kernel of {len(kernel)} dimensions, the runtime has 2 and 3",
            "reshape to two dimensions",
        )
    if call.argument("channel_last"):
        raise call.refused("has channel_last, which the runtime ignores", "put channels first")
    first = len(shape) - len(kernel)
    if first < 0 or not len(kernel) == len(pad) == len(stride):
        raise call.misfit("kernel, stride and pad do not fit")
    if min((*kernel, *stride)) < 1 or min(pad) < 0:
        raise call.misfit("kernel, stride and pad are not all positive")
    border = call.argument("ignore_border")
    including_pad = call.argument("including_pad", True)
    y = call.outputs[0].shape
    sizes, outputs, starts, ends, counts = [], [], [], [], []
    for n, k, s, p, wanted in zip(shape[first:], kernel, stride, pad, y[first:]):
        outside = n + p - (k - p if border else 1)
        count = positions(outside, s)
        if count < 1 or n < 1 or count != wanted:
            raise call.misfit("windows, image and output do not fit")
        start = np.arange(count) * s - p
        end = np.minimum(start + k, n + p)
        inside = np.maximum(start, 0), np.minimum(end, n)
        if np.any(inside[0] >= n) or np.any(inside[0] >= inside[1]):
            raise call.refused(
                "has windows without any tap inside the image, of which the runtime reads what "
                "lies beside it",
                "use less padding, or ignore_border",
            )
        sizes.append(n)
        outputs.append(count)
        starts.append(inside[0])
        ends.append(inside[1])
        counts.append(end - start if including_pad else inside[1] - inside[0])
    for _ in range(3 - len(kernel)):
        sizes.append(1)
        outputs.append(1)
        starts.append(np.zeros(1, np.int64))
        ends.append(np.ones(1, np.int64))
        counts.append(np.ones(1, np.int64))
    maps = math.prod(shape[:first])
    if (*shape[:first], *outputs[: len(kernel)]) != y:
        raise call.misfit("the output does not fit")
    taps = counts[0][:, None, None] * counts[1][:, None] * counts[2]
    return Windows((maps, *sizes), (maps, *outputs), _table(starts), _table(ends), taps)


def _again(call: Call, values: np.ndarray) -> np.ndarray:
    """Rescales what three-dimensional INT8 kernels rescale a second time."""
    if values.dtype != np.int8 or len(call.argument("kernel")) != 3:
        return values
    return fixed_point.rescale(values, call.inputs[0].fp_pos, call.outputs[0].fp_pos)


def _table(axes: list) -> np.ndarray:
    table = np.zeros((3, max(map(len, axes))), np.int64)
    for row, axis in zip(table, axes):
        row[: len(axis)] = axis
    return table


def _sum(windows: Windows, values: np.ndarray, dtype: DTypeLike) -> np.ndarray:
    out = np.empty((*windows.y, values.shape[-1]), dtype)
    x = np.ascontiguousarray(values).reshape(*windows.x, -1)
    add_windows(x, windows.starts, windows.ends, out)
    return out


def _largest(windows: Windows, values: np.ndarray) -> np.ndarray:
    out = np.empty((*windows.y, values.shape[-1]), values.dtype)
    x = np.ascontiguousarray(values).reshape(*windows.x, -1)
    largest_of_windows(x, windows.starts, windows.ends, out)
    return out


def _rescale_wide(values: np.ndarray, x: Tensor, y: Tensor) -> np.ndarray:
    """Rescales numbers of twice the width: INT8 sums as INT16 are, INT16 sums exactly."""
    if values.dtype == np.int16:
        return fixed_point.rescale(values, x.fp_pos, y.fp_pos)
    shift = x.fp_pos - y.fp_pos
    if shift >= 0:
        return fixed_point.divide(values.astype(np.int64), np.int64(1 << shift)).astype(np.int32)
    return fixed_point.clip(values.astype(np.int64) << -shift, np.dtype(np.int32))
