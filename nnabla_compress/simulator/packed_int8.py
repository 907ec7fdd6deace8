# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Layers from int8 to int8 of the project's C kernels: exact sums, requantized."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.errors import ExportError
from nnabla_compress.simulator.call import Call
from nnabla_compress.simulator.convolution import Roles, Shapes, plan, plan_deconvolution
from nnabla_compress.simulator.convolution_kernels import multiply, sum_products

_INT8 = 128


def run_int8(call: Call, packed: PackedWeights, maps: np.ndarray) -> None:
    """Runs a layer whose packed weights say what makes int8 results of its sums.

    Args:
        call: Its inputs are x, codes and twice the description.
        packed: The weights, in the order of the file.
        maps: Output map of each of them.

    Raises:
        DataError: If the C kernels would refuse the layer at the start.
    """
    x, y = call.inputs[0], call.outputs[0]
    if "int8" not in call.plan:
        call.plan["int8"] = _prepared(call, packed, maps)
    levels, scales, shapes = call.plan["int8"]
    lanes, results = y.lanes, packed.results
    assert results is not None
    image = np.ascontiguousarray(np.broadcast_to(x.array, (*x.shape, lanes)))
    if shapes is None:
        rows = image.reshape(-1, levels.shape[1], lanes)
        sums = np.empty((len(rows), len(levels), lanes), np.int32)
        multiply(rows, levels, np.empty(lanes, np.int32), sums)
        sums = sums.reshape(len(rows), len(levels), -1)
    else:
        sums = np.empty((*shapes.y, lanes), np.int32)
        rows, columns = shapes.taps
        sum_products(image.reshape(*shapes.x, lanes), levels, rows, columns, sums)
        sums = sums.reshape(shapes.y[0], shapes.y[1] * shapes.y[2], -1)
    found = results.requantized(sums, scales, y.fp_pos - x.fp_pos)
    y.array[...] = found.reshape(y.array.shape)


def _prepared(call: Call, packed: PackedWeights, maps: np.ndarray) -> Any:
    """The levels as int32, the scales, and the shapes of a convolution."""
    x, codes, _, description = call.inputs
    results, count = packed.results, int(maps.max()) + 1
    assert results is not None
    if x.type != "FIXED8" or call.outputs[0].type != "FIXED8" or results.low > results.high:
        raise call.misfit("int8 results want an int8 input and output")
    if call.inputs[2] is not description:
        raise call.misfit("the bias of int8 results stands in the description")
    levels = _levels(packed, maps)
    if levels.min() < -_INT8 or levels.max() >= _INT8 or (levels != np.rint(levels)).any():
        raise call.misfit("the levels are no integers of 8 bits")
    scales = np.ones(1, np.float32) if packed.scales is None else packed.scales
    try:
        results.requantized(
            np.zeros((count, 1), np.int64), scales, call.outputs[0].fp_pos - x.fp_pos
        )
    except ExportError as error:
        raise call.misfit(error.message.rstrip(".")) from error
    integers, shapes = levels.astype(np.int32), _shapes(call)
    if shapes is not None:
        groups, out, channels, taps = shapes.w
        if call.function.type_name == "Deconvolution":
            turned = integers.reshape(groups, channels, out, taps)[..., ::-1]
            integers = np.ascontiguousarray(turned.transpose(0, 2, 1, 3))
        integers = integers.reshape(shapes.w)
    largest = np.abs(integers.astype(np.int64)).reshape(count, -1).sum(axis=1).max()
    if largest * _INT8 > np.iinfo(np.int32).max:
        raise call.misfit("32 bits may not hold its sums")
    return integers, scales, shapes


def _levels(packed: PackedWeights, maps: np.ndarray) -> np.ndarray:
    if packed.dictionary is None:
        return np.asarray(packed.codes, np.int64) - packed.zero_point
    if packed.dictionary.ndim == 1:
        return packed.dictionary[packed.codes]
    return packed.dictionary[maps, packed.codes]


def _shapes(call: Call) -> Any:
    """How the loops see a convolution; None for an affine function."""
    type_name = call.function.type_name
    if type_name == "Affine":
        return None
    x, codes, y = call.inputs[0], call.inputs[1], call.outputs[0]
    roles = Roles(x, codes, None, None, y)
    shapes: Shapes
    if type_name == "Deconvolution":
        shapes = plan_deconvolution(call, roles)
    elif type_name == "DepthwiseConvolution":
        channels = x.shape[call.argument("base_axis")]
        shape = (codes.shape[0], 1, *codes.shape[1:])
        shapes = plan(call, roles, shape, group=channels)
    else:
        shapes = plan(call, roles, codes.shape)
    return shapes
