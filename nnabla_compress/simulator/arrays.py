# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Functions that move values: they copy stored numbers, or go through float where types differ."""

from __future__ import annotations

import math
from typing import Callable, List

import numpy as np

from nnabla_compress.simulator import fixed_point
from nnabla_compress.simulator.call import Call


def moved(move: Callable[[Call, np.ndarray], np.ndarray]) -> Callable[[Call], None]:
    """Returns the kernel of a function that moves the values of one input to one output.

    Args:
        move: Of the call and the values (*shape, lanes); returns (*output shape, lanes).
    """

    def kernel(call: Call) -> None:
        call.expect((1,))
        y = call.outputs[0]
        values = move(call, call.inputs[0].get())
        if math.prod(values.shape[:-1]) != math.prod(y.shape):
            raise call.misfit("the output does not fit")
        y.set(values.reshape(*y.shape, -1))

    return kernel


def with_integers(move: Callable[[Call, np.ndarray], np.ndarray]) -> Callable[[Call], None]:
    """Returns the kernel of a function that also has an integer kernel: it moves, then rescales.

    Args:
        move: As in :func:`moved`.
    """
    real = moved(move)

    def kernel(call: Call) -> None:
        if not call.integer_type:
            return real(call)
        call.expect((1,))
        call.same_size()
        x, y = call.inputs[0], call.outputs[0]
        values = fixed_point.rescale(move(call, x.array), x.fp_pos, y.fp_pos)
        y.array[...] = values.reshape(*y.shape, -1)

    return kernel


def transpose(call: Call, values: np.ndarray) -> np.ndarray:
    """Exchanges axes."""
    axes = call.argument("axes")
    if sorted(axes) != list(range(values.ndim - 1)):
        raise call.misfit(f"axes {axes} do not fit")
    return values.transpose(*axes, values.ndim - 1)


def flip(call: Call, values: np.ndarray) -> np.ndarray:
    """Reverses axes."""
    axes = call.argument("axes")
    if any(not 0 <= axis < values.ndim - 1 for axis in axes):
        raise call.refused(f"has axes {axes}, which write out of bounds (trap 17)", "use axes >= 0")
    return np.flip(values, axes)


def slice_(call: Call, values: np.ndarray) -> np.ndarray:
    """Takes every step-th value from start; what the output's shape says is how many."""
    shape, wanted = values.shape[:-1], call.outputs[0].shape
    start, step = call.argument("start"), call.argument("step")
    if len(start) != len(step) or len(start) > len(shape) or len(wanted) != len(shape):
        raise call.misfit("start and step do not fit")
    for axis, (first, by) in enumerate(zip(start, step), len(shape) - len(start)):
        if first < 0 or by < 1:
            raise call.refused(
                f"has start {start} and step {step}, which the runtime takes for 0 and 1 (trap 17)",
                "count from the front",
            )
        if wanted[axis] and first + (wanted[axis] - 1) * by >= shape[axis]:
            raise call.misfit("the slice ends behind the input")
        index = first + by * np.arange(wanted[axis])
        values = np.take(values, index, axis=axis)
    return values


def pad(call: Call, values: np.ndarray) -> np.ndarray:
    """Constant or reflected border."""
    widths, mode, shape = call.argument("pad_width"), call.argument("mode"), values.shape[:-1]
    first = len(shape) - len(widths) // 2
    if mode not in (0, 1):
        raise call.refused("repeats the border, which the runtime does not do", "pad otherwise")
    if len(widths) % 2 or first < 0 or min(widths, default=0) < 0 or 0 in shape:
        raise call.misfit(f"pad_width {widths} does not fit")
    pairs = [(0, 0)] * first + list(zip(widths[::2], widths[1::2]))
    if tuple(n + a + b for n, (a, b) in zip(shape, pairs)) != call.outputs[0].shape:
        raise call.misfit("the output does not fit")
    if mode == 0:
        value = np.float32(call.argument("constant_value"))
        return np.pad(values, [*pairs, (0, 0)], constant_values=value)
    for axis, (n, (before, after)) in enumerate(zip(shape, pairs)):
        index = [_reflected(o, n, before, after) for o in range(n + before + after)]
        values = np.take(values, index, axis=axis)
    return values


def shift(call: Call, values: np.ndarray) -> np.ndarray:
    """Moves along axes; the border repeats its nearest value or is reflected."""
    shifts, shape = call.argument("shifts"), values.shape[:-1]
    if len(shifts) > len(shape):
        shifts = shifts[len(shifts) - len(shape) :]
    for axis, by in enumerate(shifts, len(shape) - len(shifts)):
        n = shape[axis]
        positions = np.arange(n) - by
        if call.argument("border_mode") == 1:
            positions = np.abs(positions + 2 * n) % (2 * n)
            positions = np.where(positions >= n, 2 * n - 1 - positions, positions)
        values = np.take(values, np.clip(positions, 0, n - 1), axis=axis)
    return values


def matrix_diag(call: Call, values: np.ndarray) -> np.ndarray:
    """Puts the last axis on the diagonal of matrices."""
    n = values.shape[-2]
    if math.prod(values.shape[:-1]) * n != math.prod(call.outputs[0].shape):
        raise call.misfit("the output does not fit")
    out = np.zeros((*values.shape[:-1], n, values.shape[-1]), values.dtype)
    out[..., np.arange(n), np.arange(n), :] = values
    return out


def matrix_diag_part(call: Call, values: np.ndarray) -> np.ndarray:
    """Takes the diagonal of matrices."""
    n = values.shape[-2]
    if values.ndim < 3 or values.shape[-3] != n:
        raise call.misfit("the matrices are not square")
    return values[..., np.arange(n), np.arange(n), :]


def concatenate(call: Call) -> None:
    """Joins inputs along an axis."""
    axis = call.argument("axis")
    rank = len(call.outputs[0].shape)
    if not 0 <= axis < rank:
        raise call.refused(f"has axis {axis}, which ends the process (trap 17)", "use axis >= 0")
    _join(call, lambda arrays: np.concatenate(arrays, axis=axis))


def stack(call: Call) -> None:
    """Joins inputs along a new axis."""
    axis = call.argument("axis")
    if not 0 <= axis < len(call.outputs[0].shape):
        raise call.refused(f"has axis {axis}, which reads out of bounds (trap 17)", "use axis >= 0")
    _join(call, lambda arrays: np.stack(arrays, axis=axis))


def split(call: Call) -> None:
    """Cuts an axis into single slices."""
    axis, values = call.argument("axis"), call.inputs[0].get()
    shape = call.inputs[0].shape
    if len(call.inputs) != 1 or not 0 <= axis < len(shape) or shape[axis] != len(call.outputs):
        raise call.misfit(f"axis {axis} does not have one slice for each output")
    for index, output in enumerate(call.outputs):
        part = np.take(values, index, axis=axis)
        if part.shape[:-1] != output.shape:
            raise call.misfit("an output does not fit")
        output.set(part)


KERNELS = {
    "Reshape": with_integers(lambda call, values: values),
    "Transpose": with_integers(transpose),
    "Flip": moved(flip),
    "Slice": moved(slice_),
    "Pad": moved(pad),
    "Shift": moved(shift),
    "MatrixDiag": moved(matrix_diag),
    "MatrixDiagPart": moved(matrix_diag_part),
    "Concatenate": concatenate,
    "Stack": stack,
    "Split": split,
}


def _join(call: Call, join: Callable[[List[np.ndarray]], np.ndarray]) -> None:
    if not call.inputs or len(call.outputs) != 1:
        raise call.misfit("it has no input or several outputs")
    y = call.outputs[0]
    lanes = y.lanes
    arrays = [np.broadcast_to(x.get(), (*x.shape, lanes)) for x in call.inputs]
    try:
        values = join(arrays)
    except ValueError as error:
        raise call.misfit("the shapes can't be joined") from error
    if values.shape[:-1] != y.shape:
        raise call.misfit("the output does not fit")
    y.set(values)


def _reflected(position: int, size: int, before: int, after: int) -> int:
    """Index into an axis for a position of the padded axis, both borders reflected in turn."""
    span = size - 1
    if position < before:
        position = before + _bounce(before - position, span)
    if position >= size + before:
        end = before + size
        position = end - _bounce(position - end + 1, span) - 1
    return position - before


def _bounce(distance: int, span: int) -> int:
    return abs((distance // span & 1) * span - distance % span) if span > 0 else 0
