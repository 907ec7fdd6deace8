# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Affine and the binary affine functions."""

from __future__ import annotations

import math
from typing import Optional, Tuple

import numpy as np

from nnabla_compress.simulator import fixed_point
from nnabla_compress.simulator.call import Call
from nnabla_compress.simulator.convolution import integer_bias
from nnabla_compress.simulator.convolution_kernels import multiply
from nnabla_compress.simulator.tensor import Tensor, reload


def affine(call: Call) -> None:
    """Float, integer or generic kernel; the file holds the weight as [outputs, inputs]."""
    call.expect((2, 3))
    bias = call.inputs[2] if len(call.inputs) > 2 else None
    if call.integer_type:
        _run_integers(call, call.inputs[1], bias)
    else:
        run_real(call, call.inputs[1].get(), None, bias)


def binary_connect_affine(call: Call) -> None:
    """Float or generic kernel with the weights of input 2."""
    call.expect((3, 4))
    bias = call.inputs[3] if len(call.inputs) > 3 else None
    run_real(call, call.inputs[2].get(), None, bias)


def binary_weight_affine(call: Call) -> None:
    """As BinaryConnectAffine, with a factor for each output."""
    call.expect((4, 5))
    bias = call.inputs[4] if len(call.inputs) > 4 else None
    chosen_by = [call.inputs[0], *call.inputs[2:3], *call.inputs[4:], call.outputs[0]]
    if all(tensor.is_float for tensor in chosen_by) and not call.inputs[3].is_float:
        raise call.refused(
            f"has float operands and alpha in {call.inputs[3]}, which the float kernel reads as "
            "if it were float",
            "store alpha as float",
        )
    run_real(call, call.inputs[2].get(), call.inputs[3], bias)


def run_real(
    call: Call, weight: np.ndarray, alpha: Optional[Tensor], bias: Optional[Tensor]
) -> None:
    """Runs the float kernel, or the generic one where operands are integers.

    Args:
        call: The function; its first input is x.
        weight: float32, outputs times inputs elements, and lanes as last axis.
        alpha: A factor for each output.
        bias: An addend for each output.
    """
    x, y = call.inputs[0], call.outputs[0]
    rows, inputs, outputs = _sizes(call, weight[..., 0].size, alpha, bias)
    lanes = y.lanes
    values = np.ascontiguousarray(
        np.broadcast_to(x.get(), (*x.shape, lanes)).reshape(rows, inputs, lanes)
    )
    result = np.empty((rows, outputs, lanes), np.float32)
    matrix = weight.reshape(outputs, inputs, -1)
    if matrix.shape[-1] == 1:
        multiply(values, matrix[..., 0], np.empty(lanes, np.float32), result)
    else:
        for lane in range(lanes):
            single = np.empty((rows, outputs, 1), np.float32)
            image = np.ascontiguousarray(values[..., lane : lane + 1])
            matrix_of_lane = np.ascontiguousarray(matrix[..., lane])
            multiply(image, matrix_of_lane, np.empty(1, np.float32), single)
            result[..., lane : lane + 1] = single
    if alpha is not None:
        result *= alpha.get().reshape(outputs, -1)
    result = reload(result, y)
    if bias is not None:
        result += bias.get().reshape(outputs, -1)
        result = reload(result, y)
    y.set(result.reshape(y.array.shape))


def _run_integers(call: Call, weight: Tensor, bias: Optional[Tensor]) -> None:
    x, y = call.inputs[0], call.outputs[0]
    rows, inputs, outputs = _sizes(call, math.prod(weight.shape), None, bias)
    addend = integer_bias(call, bias, y)
    divisor = call.shift(x.fp_pos + weight.fp_pos - y.fp_pos)
    lanes, dtype = y.lanes, y.array.dtype
    work = np.int32 if y.type == "FIXED8" else np.int64
    image = np.ascontiguousarray(
        np.broadcast_to(x.array, (*x.shape, lanes)).reshape(rows, inputs, lanes)
    )
    matrix = weight.array.reshape(outputs, inputs, -1)
    if matrix.shape[-1] > 1:
        raise call.refused("has a weight that depends on the input", "run samples one by one")
    sums = np.empty((rows, outputs, lanes), work)
    multiply(image, matrix[..., 0], np.empty(lanes, work), sums)
    result = fixed_point.clip(fixed_point.divide(sums, work(divisor)), dtype)
    if addend is not None:
        result = fixed_point.saturating_add(result, addend.reshape(outputs, -1))
    y.array[...] = result.reshape(y.array.shape)


def _sizes(
    call: Call, weight_size: int, alpha: Optional[Tensor], bias: Optional[Tensor]
) -> Tuple[int, int, int]:
    axis, x, y = call.argument("base_axis"), call.inputs[0].shape, call.outputs[0].shape
    if not 0 <= axis <= min(len(x), len(y)):
        raise call.misfit(f"base_axis {axis} does not fit")
    rows, inputs, outputs = math.prod(x[:axis]), math.prod(x[axis:]), math.prod(y[axis:])
    if rows != math.prod(y[:axis]) or weight_size != inputs * outputs:
        raise call.misfit("rows, inputs and outputs do not fit")
    for tensor in (alpha, bias):
        if tensor is not None and math.prod(tensor.shape) != outputs:
            raise call.misfit(f"{tensor} is not one number for each of {outputs} outputs")
    return rows, inputs, outputs
