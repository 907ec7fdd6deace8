# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a batch normalization computes in inference, and what that does to the layer before it."""

from __future__ import annotations

from typing import Any, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.function_types import NORMALIZATIONS
from nnabla_compress.functions.folded_batch_normalization import FoldedBatchNormalization
from nnabla_compress.functions.pow2_batch_normalization import Pow2BatchNormalization
from nnabla_compress.graph.constants import value
from nnabla_compress.quantizers.dictionaries import nearest_power_of_two

FOLDABLE = (
    *NORMALIZATIONS,
    Pow2BatchNormalization.graph_type(),
    FoldedBatchNormalization.graph_type(),
)


def scale_and_shift(function: Any) -> Tuple[np.ndarray, np.ndarray]:
    """Returns what a batch normalization computes in inference: ``y = scale * x + shift``.

    Args:
        function: A batch normalization of a graph, one of ``FOLDABLE``.

    Returns:
        Scale and shift, float64, in the shape of the running mean, e.g. (1, C, 1, 1).

    Example:
        >>> import nnabla as nn, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.batch_normalization(nn.Variable((1, 2)), eps=3.0, batch_stat=False)
        >>> [array.tolist() for array in scale_and_shift(y.parent)]
        [[[0.5, 0.5]], [[0.0, 0.0]]]
    """
    args = function.info.args
    inputs = list(function.inputs[1:])
    beta = None if args.get("no_bias") else value(inputs.pop(0))
    gamma = None if args.get("no_scale") else value(inputs.pop(0))
    mean, variance = value(inputs[0]), value(inputs[1])
    if function.info.type_name == FoldedBatchNormalization.graph_type():
        # The weight before it has taken the scale already, but not the bias.
        bias = value(inputs[3]).reshape(mean.shape) if len(inputs) > 3 else 0
        scale = gamma / np.sqrt(variance + args["eps"])
        return np.ones_like(mean), beta + scale * (bias - mean)
    if function.info.type_name == Pow2BatchNormalization.graph_type():
        # As the function itself rounds, so that a scale on the border goes to the same side.
        inverse = (1 / np.sqrt(variance + args["eps"])).astype(np.float32)
        slope = np.float32(1 if gamma is None else gamma) * inverse
        scale = nearest_power_of_two(slope).astype(np.float64)
    else:
        scale = (1 if gamma is None else gamma) / np.sqrt(variance + args["eps"])
    return scale, (0 if beta is None else beta) - scale * mean


def scale_parameter(function: Any) -> Optional[nn.Variable]:
    """Returns gamma of a batch normalization, None where it has none.

    Args:
        function: A batch normalization of a graph, one of ``FOLDABLE``.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.batch_normalization(nn.Variable((1, 2)), no_bias=True)
        >>> scale_parameter(y.parent).data == nn.get_parameters()["bn/gamma"].data
        True
    """
    args, inputs = function.info.args, function.inputs
    return None if args.get("no_scale") else inputs[1 if args.get("no_bias") else 2]


def statistics_of(function: Any) -> Tuple[nn.Variable, nn.Variable]:
    """Returns the running mean and the running variance of a batch normalization.

    Args:
        function: A batch normalization of a graph, one of ``FOLDABLE``.
    """
    args, inputs = function.info.args, function.inputs
    first = 1 + (not args.get("no_bias")) + (not args.get("no_scale"))
    return inputs[first], inputs[first + 1]


def channel_factors(layer: Any, scale: np.ndarray) -> Optional[np.ndarray]:
    """Returns the factor that a scale behind a layer puts on each of its weights.

    Args:
        layer: A function with a weight.
        scale: Of as many dimensions as the output, such as (1, C, 1, 1).

    Returns:
        float64, in the shape of the weight; None if the scale varies along other axes than the
        layer's channels.
    """
    axis = channel_axis(layer, scale.shape, layer.outputs[0].shape)
    if axis is None:
        return None
    return scaled_weight(layer, np.ones(layer.inputs[1].shape), scale.ravel(), axis)


def base_axis(layer: Any) -> int:
    """Returns the axis of a layer's input that its weight begins at.

    Args:
        layer: A function with a weight.
    """
    return int(layer.info.args["base_axis"]) % layer.inputs[0].ndim


def channel_axis(layer: Any, shape: Sequence[int], output: Sequence[int]) -> Optional[int]:
    """Returns the one axis that a map of a layer's output varies along.

    Args:
        layer: A function with a weight.
        shape: Shape of the map's factors, such as (1, C, 1, 1).
        output: Shape of the layer's output.

    Returns:
        The axis of the output; None if the layer's weight does not have it.
    """
    type_name, args = layer.info.type_name, layer.info.args
    varies = [axis for axis, size in enumerate(shape) if size != 1]
    if len(shape) != len(output) or len(varies) > 1:
        return None
    if type_name == "Affine":
        axis = varies[0] if varies else len(output) - 1
        return axis if axis >= base_axis(layer) and shape[axis] == output[axis] else None
    if type_name == "Deconvolution" and args["channel_last"]:
        return None
    if type_name not in ("Convolution", "DepthwiseConvolution", "Deconvolution"):
        return None
    axis = len(output) - 1 if args.get("channel_last") else base_axis(layer)
    return axis if varies in ([axis], []) and shape[axis] == output[axis] else None


def scaled_weight(layer: Any, weight: np.ndarray, scale: np.ndarray, axis: int) -> np.ndarray:
    """Returns a weight with its values for each output channel times that channel's scale.

    Args:
        layer: The function that reads the weight.
        weight: Its values.
        scale: A factor for each channel.
        axis: The axis of the layer's output that the channels are, see :func:`channel_axis`.
    """
    type_name = layer.info.type_name
    if type_name == "Affine":
        along = [1] * weight.ndim
        along[axis - base_axis(layer) + 1] = scale.size
        return weight * scale.reshape(along)
    if type_name == "Deconvolution":
        # (inputs, outputs / group, kernel): output channel = group * (outputs / group) + index.
        group = layer.info.args["group"]
        grouped = weight.reshape(group, weight.shape[0] // group, weight.shape[1], -1)
        return (grouped * scale.reshape(group, 1, -1, 1)).reshape(weight.shape)
    return weight * scale.reshape([-1] + [1] * (weight.ndim - 1))
