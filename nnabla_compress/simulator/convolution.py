# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Convolution, DepthwiseConvolution, Deconvolution and the binary convolutions."""

from __future__ import annotations

import math
from typing import NamedTuple, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.simulator import fixed_point
from nnabla_compress.simulator.call import Call, lane_count
from nnabla_compress.simulator.convolution_kernels import convolve, convolve_integers
from nnabla_compress.simulator.geometry import (
    Taps,
    convolution_taps,
    deconvolution_taps,
    output_shape,
)
from nnabla_compress.simulator.tensor import Tensor

MOST_TAPS = 1 << 24


class Shapes(NamedTuple):
    """How a convolution's arrays are seen by the loops."""

    x: Tuple[int, ...]  # (batch, groups, channels, positions)
    w: Tuple[int, ...]  # (groups, maps, channels, taps)
    y: Tuple[int, ...]  # (batch, groups, maps, positions)
    taps: Taps


class Roles(NamedTuple):
    """Which operands are which."""

    x: Tensor
    weight: Tensor
    alpha: Optional[Tensor]
    bias: Optional[Tensor]
    y: Tensor


def convolution(call: Call) -> None:
    """Float or integer kernel, chosen by the output; the runtime has no mixed one."""
    call.expect((2, 3))
    types = {tensor.type for tensor in call.operands}
    if len(types) > 1 or "SIGN" in types:
        raise call.refused(
            "mixes types, which the runtime reads as if they were those of the output (trap 1): "
            + ", ".join(map(str, call.operands)),
            "give x, weight, bias and y one type, or compute a float weight by functions",
        )
    roles = Roles(call.inputs[0], call.inputs[1], None, _optional(call, 2), call.outputs[0])
    shapes = plan(call, roles, roles.weight.shape)
    if types == {"FLOAT32"}:
        run_real(roles, shapes, weight_of(roles.weight, shapes))
    else:
        run_integers(call, roles, shapes)


def depthwise_convolution(call: Call) -> None:
    """Float, integer or generic kernel."""
    call.expect((2, 3))
    roles = Roles(call.inputs[0], call.inputs[1], None, _optional(call, 2), call.outputs[0])
    channels = roles.x.shape[call.argument("base_axis")]
    if not channels or roles.weight.shape[0] % channels:
        raise call.misfit("the weight has no whole number of maps for each channel")
    shapes = plan(call, roles, (roles.weight.shape[0], 1, *roles.weight.shape[1:]), group=channels)
    first = next((tensor.type for tensor in call.inputs if not tensor.is_float), "FLOAT32")
    if first in ("FIXED8", "FIXED16") and roles.y.type == first:
        if not call.integer_type:
            raise call.refused(
                "mixes types, which the integer kernel reads as if they were one (trap 1): "
                + ", ".join(map(str, call.operands)),
                "give all operands one type, or a float output",
            )
        run_integers(call, roles, shapes)
    else:
        run_real(roles, shapes, weight_of(roles.weight, shapes))


def binary_connect_convolution(call: Call) -> None:
    """Float or generic kernel with the weights of input 2; input 1 is not read."""
    call.expect((3, 4))
    roles = Roles(call.inputs[0], call.inputs[2], None, _optional(call, 3), call.outputs[0])
    shapes = plan(call, roles, roles.weight.shape)
    run_real(roles, shapes, weight_of(roles.weight, shapes))


def binary_weight_convolution(call: Call) -> None:
    """As BinaryConnectConvolution, with a factor for each output map."""
    call.expect((4, 5))
    x, _, weight, alpha = call.inputs[:4]
    roles = Roles(x, weight, alpha, _optional(call, 4), call.outputs[0])
    shapes = plan(call, roles, weight.shape)
    run_real(roles, shapes, weight_of(weight, shapes))


def deconvolution(call: Call) -> None:
    """A convolution with taps of its own and a kernel that is turned round."""
    call.expect((2, 3))
    roles = Roles(call.inputs[0], call.inputs[1], None, _optional(call, 2), call.outputs[0])
    shapes = plan_deconvolution(call, roles)
    groups, maps, channels, taps = shapes.w
    weight = roles.weight.get()
    turned = weight.reshape(groups, channels, maps, taps, -1)[:, :, :, ::-1]
    run_real(roles, shapes, np.ascontiguousarray(turned.transpose(0, 2, 1, 3, 4)))


def plan(
    call: Call, roles: Roles, weight_shape: Sequence[int], group: Optional[int] = None
) -> Shapes:
    """Returns the shapes of a convolution, checked, and remembers them.

    Args:
        call: The function.
        roles: Its operands.
        weight_shape: [maps, channels / group, *kernel].
        group: If it is no argument.
    """
    if "shapes" in call.plan:
        return call.plan["shapes"]
    axis, groups = call.argument("base_axis"), group or call.argument("group")
    pad, stride, dilation = (call.argument(name) for name in ("pad", "stride", "dilation"))
    shape, spatial = roles.x.shape, roles.x.shape[axis + 1 :]
    kernel = tuple(weight_shape[2:])
    if not 0 <= axis < len(shape) - 1 or not (
        len(spatial) == len(kernel) == len(pad) == len(stride) == len(dilation)
    ):
        raise call.misfit(f"base_axis {axis}, pad, stride and dilation do not fit the shapes")
    if call.argument("channel_last"):
        raise call.refused("has channel_last, which the runtime ignores", "put channels first")
    if min((*stride, *dilation, *kernel, groups)) < 1 or min(pad) < 0:
        raise call.misfit("stride, dilation, kernel, group and pad are not all positive")
    if shape[axis] != weight_shape[1] * groups or weight_shape[0] % groups:
        raise call.misfit(f"channels and maps do not fit {groups} groups")
    output = output_shape(spatial, kernel, pad, stride, dilation)
    batch, maps = math.prod(shape[:axis]), weight_shape[0]
    if (batch, maps, *output) != (math.prod(roles.y.shape[:axis]), *roles.y.shape[axis:]):
        raise call.misfit(f"the output is to be {batch}x{maps}x{'x'.join(map(str, output))}")
    _refuse_large(call, output, kernel)
    taps = convolution_taps(output, spatial, kernel, pad, stride, dilation)
    channels = weight_shape[1]
    shapes = Shapes(
        (batch, groups, channels, math.prod(spatial)),
        (groups, maps // groups, channels, math.prod(kernel)),
        (batch, groups, maps // groups, taps.positions),
        taps,
    )
    _check_maps(call, roles, maps)
    call.plan["shapes"] = shapes
    return shapes


def weight_of(weight: Tensor, shapes: Shapes) -> np.ndarray:
    """Returns the weight as float32 (groups, maps, channels, taps, lanes)."""
    return weight.get().reshape(*shapes.w, -1)


def run_real(roles: Roles, shapes: Shapes, weight: np.ndarray) -> None:
    """Runs the float kernel, or the generic one where operands are integers.

    Args:
        roles: The operands.
        shapes: How the loops see them.
        weight: float32 (groups, maps, channels, taps, lanes).
    """
    lanes = roles.y.lanes
    x = _spread(roles.x.get(), lanes).reshape(*shapes.x, lanes)
    factors = [_per_map(tensor, shapes) for tensor in (roles.alpha, roles.bias)]
    if roles.y.is_float:
        coefficient, low, high = np.float32(0), 0, 0
        out = roles.y.array.reshape(*shapes.y, lanes)
    else:
        coefficient = roles.y.coefficient
        low, high = fixed_point.limits(roles.y.array.dtype)
        out = np.empty((*shapes.y, lanes), np.float32)
    if lane_count(weight, *factors) == 1:
        alpha, bias = (factor[..., 0] for factor in factors)
        convolve(x, weight[..., 0].copy(), shapes.taps, alpha, bias, coefficient, low, high, out)
    else:
        for lane in range(lanes):
            w, alpha, bias = (
                np.ascontiguousarray(array[..., lane % array.shape[-1]])
                for array in (weight, *factors)
            )
            single = np.empty((*shapes.y, 1), np.float32)
            image = np.ascontiguousarray(x[..., lane : lane + 1])
            convolve(image, w, shapes.taps, alpha, bias, coefficient, low, high, single)
            out[..., lane : lane + 1] = single
    if not roles.y.is_float:
        roles.y.set(out.reshape(roles.y.array.shape))


def run_integers(call: Call, roles: Roles, shapes: Shapes) -> None:
    """Runs the integer kernel."""
    x, weight, y = roles.x, roles.weight, roles.y
    bias = integer_bias(call, roles.bias, y)
    divisor = call.shift(x.fp_pos + weight.fp_pos - y.fp_pos)
    work = np.int32 if y.type == "FIXED8" else np.int64
    lanes, dtype = y.lanes, y.array.dtype
    image = _spread(x.array, lanes).reshape(*shapes.x, lanes)
    w = weight.array.reshape(*shapes.w, -1).astype(work)
    if w.shape[-1] > 1:
        raise call.refused("has a weight that depends on the input", "run samples one by one")
    out = y.array.reshape(*shapes.y, lanes)
    shift, (low, high) = divisor.bit_length() - 1, fixed_point.limits(dtype)
    convolve_integers(image, w[..., 0].copy(), shapes.taps, shift, low, high, out)
    if bias is not None:
        out[...] = fixed_point.saturating_add(out, bias.reshape(*shapes.w[:2], 1, -1))


def integer_bias(call: Call, bias: Optional[Tensor], y: Tensor) -> Optional[np.ndarray]:
    """Returns the bias of an integer kernel, which has first been rescaled where it is stored.

    Raises:
        UnsupportedFunctionError: If it has fewer fraction bits than the output.
    """
    if bias is None:
        return None
    shift = bias.fp_pos - y.fp_pos
    if shift < 0:
        raise call.refused(
            f"has a bias with fewer fraction bits than its output, {bias} and {y}: rt_forward "
            "returns -1 (trap 3)",
            "give bias and output one fp_pos",
        )
    if shift > 0:
        divided = fixed_point.divide(bias.array.astype(np.int64), np.int64(1 << shift))
        bias.array[...] = divided.astype(bias.array.dtype)
    return bias.array


def plan_deconvolution(call: Call, roles: Roles) -> Shapes:
    """Returns the shapes of a deconvolution, checked, and remembers them.

    Args:
        call: The function.
        roles: Its operands.
    """
    if "shapes" in call.plan:
        return call.plan["shapes"]
    axis, groups = call.argument("base_axis"), call.argument("group")
    pad, stride, dilation = (call.argument(name) for name in ("pad", "stride", "dilation"))
    if call.argument("channel_last"):
        raise call.refused("has channel_last, which the runtime ignores", "put channels first")
    x, w, y = roles.x.shape, roles.weight.shape, roles.y.shape
    spatial, kernel, output = x[axis + 1 :], w[2:], y[axis + 1 :]
    lengths = {len(sizes) for sizes in (spatial, kernel, output, pad, stride, dilation)}
    if axis < 0 or len(x) <= axis + 1 or len(lengths) > 1:
        raise call.misfit(f"base_axis {axis}, pad, stride and dilation do not fit the shapes")
    if min((*stride, *dilation, *kernel, groups)) < 1:
        raise call.misfit("stride, dilation, kernel and group are not all positive")
    batch = math.prod(x[:axis])
    if w[0] % groups or x[axis] != w[0] or math.prod(y[: axis + 1]) != batch * groups * w[1]:
        raise call.misfit(f"channels and maps do not fit {groups} groups")
    _refuse_large(call, output, kernel)
    _check_maps(call, roles, groups * w[1])
    taps = deconvolution_taps(output, spatial, kernel, pad, stride, dilation)
    call.plan["shapes"] = Shapes(
        (batch, groups, w[0] // groups, math.prod(spatial)),
        (groups, w[1], w[0] // groups, math.prod(kernel)),
        (batch, groups, w[1], taps.positions),
        taps,
    )
    return call.plan["shapes"]


def _refuse_large(call: Call, output: Sequence[int], kernel: Sequence[int]) -> None:
    """Refuses tables of taps that few bytes of a file would fill the memory with."""
    rows = math.prod(output[:-1]) * math.prod(kernel[:-1])
    columns = math.prod(output[-1:]) * math.prod(kernel[-1:])
    if rows + columns > MOST_TAPS:
        raise call.misfit("it is too large to simulate")


def _check_maps(call: Call, roles: Roles, maps: int) -> None:
    for tensor in (roles.alpha, roles.bias):
        if tensor is not None and math.prod(tensor.shape) != maps:
            raise call.misfit(f"{tensor} is not one number for each of {maps} maps")


def _optional(call: Call, number: int) -> Optional[Tensor]:
    return call.inputs[number] if len(call.inputs) > number else None


def _per_map(tensor: Optional[Tensor], shapes: Shapes) -> np.ndarray:
    if tensor is None:
        return np.empty((0, 0, 1), np.float32)
    return np.ascontiguousarray(tensor.get().reshape(*shapes.w[:2], -1))


def _spread(array: np.ndarray, lanes: int) -> np.ndarray:
    if array.shape[-1] == lanes:
        return np.ascontiguousarray(array)
    return np.repeat(array, lanes, axis=-1)
