# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sum, BatchNormalization and MeanSubtraction."""

from __future__ import annotations

import math
from typing import Tuple

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE
from nnabla_compress.simulator import fixed_point
from nnabla_compress.simulator.call import Call


def sum_(call: Call) -> None:
    """Adds in raster order; an integer output holds the running sum."""
    call.expect((1,))
    axes, shape, y = call.argument("axes"), call.inputs[0].shape, call.outputs[0]
    if list(axes) != sorted({*axes}) or any(not 0 <= axis < len(shape) for axis in axes):
        raise call.refused(f"has axes {axes}, which mix up positions", "use rising axes >= 0")
    kept = [axis for axis in range(len(shape)) if axis not in axes]
    if math.prod(shape[axis] for axis in kept) != math.prod(y.shape):
        raise call.misfit("the output does not fit")
    x = call.inputs[0].get()
    lanes = x.shape[-1]
    moved = x.transpose(*axes, *kept, len(shape))
    flat = np.ascontiguousarray(moved).reshape(-1, math.prod(y.shape) * lanes)
    total = np.zeros(flat.shape[1], np.float32)
    low, high = (0, 0) if y.is_float else fixed_point.limits(y.array.dtype)
    _add_up(flat, np.float32(0) if y.is_float else y.coefficient, low, high, total)
    y.set(total.reshape(*y.shape, lanes))


def batch_normalization(call: Call) -> None:
    """``(x - mean) * gamma / sqrt(var + eps) + beta``; batch_stat takes them from the batch."""
    axes, shape = call.argument("axes"), call.inputs[0].shape
    if len(call.inputs) != 5 or call.argument("no_scale") or call.argument("no_bias"):
        raise call.refused(
            "lacks its scale or bias, at which the runtime crashes (trap 18)", "fold it"
        )
    if len(axes) != 1 or not 0 <= axes[0] < len(shape):
        raise call.refused(f"has axes {axes}, the runtime takes one", "fold it")
    call.same_size()
    channels, rest = shape[axes[0]], len(shape) - axes[0] - 1
    x, y = call.inputs[0].get(), call.outputs[0]
    beta, gamma, mean, variance = (
        _per_channel(call, index, channels, rest) for index in range(1, 5)
    )
    if call.argument("batch_stat"):
        mean, variance = _batch_statistics(call, x, axes[0])
    deviation = np.sqrt(variance + np.float32(call.argument("eps")))
    y.set(((x - mean) * gamma / deviation + beta).reshape(*y.shape, -1))


def mean_subtraction(call: Call) -> None:
    """``x - mean``, the mean over the axes before base_axis."""
    call.same_size()
    axis, shape, y = call.argument("base_axis"), call.inputs[0].shape, call.outputs[0]
    if len(call.inputs) < 2 or not 0 <= axis <= len(shape):
        raise call.misfit("the mean is missing")
    mean = call.inputs[1].get()
    if mean[..., 0].size != math.prod(shape[axis:]):
        raise call.misfit("the mean does not fit")
    y.set((call.inputs[0].get() - mean.reshape(*shape[axis:], -1)).reshape(*y.shape, -1))


KERNELS = {
    "Sum": sum_,
    "BatchNormalization": batch_normalization,
    "MeanSubtraction": mean_subtraction,
}


def _batch_statistics(call: Call, x: np.ndarray, axis: int) -> Tuple[np.ndarray, np.ndarray]:
    """Takes mean and variance of the batch, and moves the running ones where they are stored."""
    channels, lanes = x.shape[axis], x.shape[-1]
    flat = np.ascontiguousarray(np.moveaxis(x, axis, -2)).reshape(-1, channels * lanes)
    count = np.float32(len(flat))
    sums, squares = np.zeros((2, flat.shape[1]), np.float32)
    _add_up(flat, np.float32(0), 0, 0, sums)
    _add_up(flat * flat, np.float32(0), 0, 0, squares)
    mean = (sums / count).reshape(channels, lanes)
    variance = (squares / count).reshape(channels, lanes) - mean * mean
    decay = np.float32(call.argument("decay_rate"))
    rest = np.float32(1) - decay
    updates = (rest * mean, rest * variance * count / (count - np.float32(1)))
    for tensor, update in zip(call.inputs[3:5], updates):
        running = tensor.get()
        tensor.set((decay * running.reshape(channels, -1) + update).reshape(running.shape))
    for tensor, statistic in zip(call.outputs[1:], (mean, variance)):
        tensor.array[...] = statistic.reshape(tensor.array.shape)
    shape = (channels, *[1] * (x.ndim - axis - 2), lanes)
    return mean.reshape(shape), variance.reshape(shape)


def _per_channel(call: Call, index: int, channels: int, rest: int) -> np.ndarray:
    values = call.inputs[index].get()
    if values[..., 0].size != channels:
        raise call.misfit(f"{call.inputs[index]} is not one number for each of {channels} channels")
    return values.reshape(channels, *[1] * rest, values.shape[-1])


@numba.njit(cache=CACHE)
def _add_up(rows, coefficient, low, high, total):  # type: ignore[no-untyped-def]
    """Adds rows in order; with a coefficient, sums pass through an integer after every row."""
    for r in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            total[i] += rows[r, i]
            if coefficient != 0:
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
