# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Functions that small runtimes lack, written with functions that they have.

A rewrite returns None where it can't: the function stays, and the target refuses it by name.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import reduce
from typing import Any, Callable, Dict, List, Optional, Sequence

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.lowering.interpolation import interpolation
from nnabla_compress.quantizers.min_max import MinMax, min_max_grid
from nnabla_compress.quantizers.pow2 import Pow2

Rewrite = Callable[[Any, List[nn.Variable]], Optional[nn.Variable]]
IsParameter = Callable[[nn.Variable], bool]
RewriteOfParameters = Callable[[Any, List[nn.Variable], IsParameter], Optional[nn.Variable]]

_MOST_EXPONENT_BITS = 6  # that our powers of two have
_AWAY_FROM_ZERO = "HALF_AWAY_FROM_ZERO"
# Lowest and highest integer of the types that QuantizeLinear names: int8 and uint8.
_INTEGERS = {1: (-128, 127), 2: (0, 255)}


def _global_average_pooling(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    x = inputs[0]
    return F.average_pooling(x, x.shape[2:]) if x.ndim == 4 else None


def _mean(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    x = inputs[0]
    axes = sorted(axis % x.ndim for axis in function.info.args["axes"])
    if 0 in axes:  # the mean over the batch depends on its size
        return None
    count = int(np.prod([x.shape[axis] for axis in axes]))
    total = F.sum(x, axis=axes, keepdims=function.info.args["keep_dims"])
    return F.mul_scalar(total, 1.0 / count)


def _layer_normalization(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    """What is left of the mean, times the inverse root of the variance."""
    x, *given = inputs
    args = function.info.args
    apart = {axis % x.ndim for axis in args["batch_axis"]}
    axes = [axis for axis in range(x.ndim) if axis not in apart]
    if 0 not in apart or not axes:  # the samples of a batch would be mixed
        return None
    share = 1.0 / int(np.prod([x.shape[axis] for axis in axes]))
    mean = F.mul_scalar(F.sum(x, axis=axes, keepdims=True), share)
    rest = F.sub2(x, mean)
    variance = F.mul_scalar(F.sum(F.mul2(rest, rest), axis=axes, keepdims=True), share)
    y = F.mul2(rest, F.pow_scalar(F.add_scalar(variance, args["eps"]), -0.5))
    beta = None if args["no_bias"] else given.pop(0)
    if not args["no_scale"]:
        y = F.mul2(y, given.pop(0))
    return y if beta is None else F.add2(y, beta)


def _clip(low: float, high: float) -> Rewrite:
    def rewrite(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
        return F.minimum_scalar(F.maximum_scalar(inputs[0], low), high)

    return rewrite


def _hard_sigmoid(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    line = F.add_scalar(F.mul_scalar(inputs[0], 0.2), 0.5)
    return F.minimum_scalar(F.maximum_scalar(line, 0.0), 1.0)


def _soft_plus(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    """Its larger part is ReLU; the exponential of what is left is at most 1 and never overflows."""
    beta = float(function.info.args["beta"])
    x = inputs[0] if beta == 1 else F.mul_scalar(inputs[0], beta)
    rest = F.log(F.add_scalar(F.exp(F.mul_scalar(F.abs(x), -1.0)), 1.0))
    y = F.add2(F.relu(x), rest)
    return y if beta == 1 else F.mul_scalar(y, 1.0 / beta)


def _drop(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    return inputs[0] if inputs[0].parent is not None else None


def _chain(combine: Callable[[nn.Variable, nn.Variable], nn.Variable]) -> Rewrite:
    return lambda function, inputs: reduce(combine, inputs)


def _floor(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    """The nearest whole number, less one where that is above: exact, also for ties."""
    x = inputs[0]
    nearest = F.round(x)
    return F.sub2(nearest, F.relu(F.sign(F.sub2(nearest, x), 0.0)))


def _ceil(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    x = inputs[0]
    nearest = F.round(x)
    return F.add2(nearest, F.relu(F.sign(F.sub2(x, nearest), 0.0)))


def _broadcast(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    """A product with ones, of the shape that is missing."""
    x, shape = inputs[0], tuple(function.outputs[0].shape)
    if x.ndim != len(shape) or x.shape[0] != shape[0]:
        return None
    missing = [new if new != old else 1 for old, new in zip(x.shape, shape)]
    return F.mul2(x, constant(np.ones(missing), "ones", need_grad=False))


def _tile(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    x, repeats = inputs[0], list(function.info.args["reps"])
    repeats = [1] * (x.ndim - len(repeats)) + repeats
    if len(repeats) != x.ndim or repeats[0] != 1:
        return None
    for axis, count in enumerate(repeats):
        x = F.concatenate(*[x] * count, axis=axis) if count > 1 else x
    return x


def _depthwise_deconvolution(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    x, weight, *bias = inputs
    args = function.info.args
    channels = x.shape[args["base_axis"] % x.ndim]
    return F.deconvolution(
        x,
        F.reshape(weight, (channels, 1, *weight.shape[1:]), inplace=False),
        *bias,
        base_axis=args["base_axis"],
        pad=args["pad"],
        stride=args["stride"],
        dilation=args["dilation"],
        group=channels // args["divisor"],
    )


def _largest(sign: float) -> Rewrite:
    """The largest (or, of the negative, the smallest) of a map is a pooling over all of it."""

    def rewrite(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
        x, args = inputs[0], function.info.args
        axes = sorted(axis % x.ndim for axis in args["axes"])
        if x.ndim != 4 or axes != [2, 3] or args["with_index"] or args["only_index"]:
            return None
        y = x if sign > 0 else F.mul_scalar(x, -1.0)
        y = F.max_pooling(y, x.shape[2:])
        y = y if sign > 0 else F.mul_scalar(y, -1.0)
        return y if args["keep_dims"] else F.reshape(y, (-1, x.shape[1]), inplace=False)

    return rewrite


def _fixed_point_quantize(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    """Multiplies by the inverse of the step, where NNabla divides: ties may differ."""
    args = function.info.args
    signed, step = bool(args["sign"]), float(args["delta"])
    limit = float(2 ** (int(args["n"]) - signed) - 1)
    h = inputs[0] if signed else F.relu(inputs[0])
    h = F.round(F.mul_scalar(h, 1.0 / step))
    if signed:
        h = F.maximum_scalar(h, -limit)
    return F.mul_scalar(F.minimum_scalar(h, limit), step)


def _pow2_quantize(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    """Our quantizer of the same range; magnitudes below 2**-63 of the largest are the least."""
    args = function.info.args
    signed, zero = bool(args["sign"]), bool(args["with_zero"])
    bits = min(int(args["n"]), _MOST_EXPONENT_BITS + signed + zero)
    made = Pow2(bits, signed, zero, learn="qmax", initial_q_max=2.0 ** int(args["m"]))
    options = {**asdict(made), "name": "", "tensor": ""}
    q_max = nn.Variable.from_numpy_array(np.full(1, 2.0 ** int(args["m"]), np.float32))
    with nn.auto_forward(False):
        node = Pow2.node_type(Pow2, options, [inputs[0], q_max]).node()
    return Pow2.lower(node.parent, [inputs[0], q_max])


def _min_max_quantize(
    function: Any, inputs: List[nn.Variable], is_parameter: IsParameter
) -> Optional[nn.Variable]:
    """Multiplies by the inverse of the scale, where NNabla divides: ties may differ."""
    x, *ranges = inputs
    args = function.info.args
    if args["x_min_max"] or not all(is_parameter(part) and part.size == 1 for part in ranges):
        return None
    numbers = [np.array(part.d) for part in ranges]
    if not MinMax.takes(numbers):
        return None
    grid = min_max_grid(numbers, args["eps"])
    scale, zero, low, high = (float(np.float32(part.ravel()[0])) for part in grid)
    codes = F.round(F.mul_scalar(x, float(np.float32(1) / np.float32(scale))))
    return F.mul_scalar(F.minimum_scalar(F.maximum_scalar(codes, low - zero), high - zero), scale)


def _binary_tanh(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    """The sign, -1 for 0."""
    return F.sign(inputs[0], -1.0)


def _binary_sigmoid(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    return F.relu(F.sign(inputs[0], -1.0))


def _batch_matmul(
    function: Any, inputs: List[nn.Variable], is_parameter: IsParameter
) -> Optional[nn.Variable]:
    """A product with one matrix is an affine map of the last axis."""
    x, matrix = inputs
    args = function.info.args
    if not is_parameter(x) and not is_parameter(matrix):
        return _product_of_variables(x, matrix, args["transpose_a"], args["transpose_b"])
    if is_parameter(x) or not is_parameter(matrix) or matrix.size != np.prod(matrix.shape[-2:]):
        return None
    weight = np.array(matrix.d).reshape(matrix.shape[-2:])
    if args["transpose_b"]:
        weight = weight.T
    if args["transpose_a"]:
        order = [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2]
        x = F.transpose(x, order)
    if tuple(function.outputs[0].shape[:-2]) != tuple(x.shape[:-2]):
        return None
    return F.affine(x, constant(weight, matrix.name or "matrix"), base_axis=x.ndim - 1)


def _product_of_variables(
    x: nn.Variable, y: nn.Variable, transpose_x: bool, transpose_y: bool
) -> Optional[nn.Variable]:
    """The sums of all products of rows of the one and columns of the other, as attention has."""
    if x.ndim != y.ndim or x.shape[0] != y.shape[0]:
        return None
    turned = [*range(x.ndim - 2), x.ndim - 1, x.ndim - 2]
    x = F.transpose(x, turned) if transpose_x else x
    y = y if transpose_y else F.transpose(y, turned)
    rows = F.reshape(x, (-1, *x.shape[1:-1], 1, x.shape[-1]), inplace=False)
    columns = F.reshape(y, (-1, *y.shape[1:-2], 1, *y.shape[-2:]), inplace=False)
    return F.sum(F.mul2(rows, columns), axis=x.ndim)


def embeds_as_layers(
    outputs: Sequence[nn.Variable], stays: Callable[[Any], bool] = lambda function: False
) -> List[nn.Variable]:
    """Builds a graph again with each Embed as an Affine of ones where the row number is.

    A device then looks up vectors of compressed weights; each takes the work of a whole product.

    Args:
        outputs: Variables of one graph.
        stays: Whether an Embed stays as it is.

    Returns:
        The new outputs, or the given ones where there is no such Embed.

    Example:
        >>> x, table = nn.Variable((1, 3)), nn.Variable((10, 4))
        >>> y, = embeds_as_layers([F.embed(x, table)])
        >>> y.shape, y.parent.info.type_name
        ((1, 3, 4), 'Affine')
    """

    def replace(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
        if function not in layers or inputs[1].ndim != 2 or not inputs[0].ndim:
            return None
        x, table = inputs
        rows = constant(np.arange(table.shape[0]).reshape(*[1] * x.ndim, -1), "rows", False)
        apart = F.abs(F.sub2(F.reshape(x, (-1, *x.shape[1:], 1), inplace=False), rows))
        return F.affine(F.relu(F.r_sub_scalar(apart, 1.0)), table, base_axis=x.ndim)

    embeds = [one for one in functions(outputs) if one.info.type_name == "Embed"]
    layers = [one for one in embeds if not stays(one)]
    return rebuild(outputs, replace) if layers else list(outputs)


def _quantize_linear(
    function: Any, inputs: List[nn.Variable], is_parameter: IsParameter
) -> Optional[nn.Variable]:
    x, scale, zero_point = inputs
    args = function.info.args
    limits = _INTEGERS.get(int(args["dtype"]))
    fits = args["round_mode"] == _AWAY_FROM_ZERO and limits is not None
    if not fits or not is_parameter(scale) or not is_parameter(zero_point):
        return None
    assert limits is not None
    low, high = limits
    low += bool(args["narrow_range"])
    codes = F.add2(F.round(_times(x, 1 / np.asarray(scale.d), scale.name)), zero_point)
    return F.minimum_scalar(F.maximum_scalar(codes, low), high)


def _dequantize_linear(
    function: Any, inputs: List[nn.Variable], is_parameter: IsParameter
) -> Optional[nn.Variable]:
    x, scale, zero_point = inputs
    if not is_parameter(scale) or not is_parameter(zero_point):
        return None
    return _times(F.sub2(x, zero_point), np.asarray(scale.d), scale.name)


def _times(x: nn.Variable, factors: np.ndarray, name: str) -> nn.Variable:
    if factors.size == 1:
        return F.mul_scalar(x, float(np.float32(factors.ravel()[0])))
    return F.mul2(x, constant(factors, name or "scale", need_grad=False))


REWRITES: Dict[str, Rewrite] = {
    "GlobalAveragePooling": _global_average_pooling,
    "LayerNormalization": _layer_normalization,
    "Mean": _mean,
    "Max": _largest(1.0),
    "Min": _largest(-1.0),
    "ReLU6": _clip(0.0, 6.0),
    "HardTanh": _clip(-1.0, 1.0),
    "HardSigmoid": _hard_sigmoid,
    "Interpolate": interpolation,
    "SoftPlus": _soft_plus,
    "AddN": _chain(F.add2),
    "MulN": _chain(F.mul2),
    "BcAdd2": _chain(F.add2),
    "Identity": _drop,
    "Floor": _floor,
    "Ceil": _ceil,
    "Broadcast": _broadcast,
    "Tile": _tile,
    "DepthwiseDeconvolution": _depthwise_deconvolution,
    "FixedPointQuantize": _fixed_point_quantize,
    "Pow2Quantize": _pow2_quantize,
    "BinaryTanh": _binary_tanh,
    "BinarySigmoid": _binary_sigmoid,
}
# Those that ask which of their inputs are parameters.
REWRITES_OF_PARAMETERS: Dict[str, RewriteOfParameters] = {
    "BatchMatmul": _batch_matmul,
    "MinMaxQuantize": _min_max_quantize,
    "QuantizeLinear": _quantize_linear,
    "DequantizeLinear": _dequantize_linear,
}
