# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Folding batch normalization into the layers before it, without losing their encodings.

With its running statistics a batch normalization is ``y = s x + t`` for each channel, with
``s = gamma / sqrt(var + eps)`` and ``t = beta - s mean``; for :func:`pow2_batch_normalization` the
scale is rounded to a power of two; that of :func:`folded_batch_normalization` is in the weight
already. What becomes of it depends on the weight before it:

* A float weight W, bias b that belong to this layer alone: ``W <- s W``, ``b <- s b + t``.
* A quantized weight, or one of several layers: times a scale per channel it would no longer be one
  of 2**bits values (or need a copy for each layer). So it stays and the scale is kept apart:
  ``y = s (conv(x, Q) + b + t / s)``, one multiplication for each output; none where all s are 1.
  A float32 division and multiplication more for each bias is all that differs from the original.
  If some s is 0, ``t`` is added behind the multiplication instead.
* No layer before it, or one whose output others read, too: a multiplication and an addition.

Everything is computed in float64 and rounded to float32 once.
"""

from __future__ import annotations

from itertools import count
from typing import Any, List, Mapping, Optional, Sequence

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.batch_normalization import (
    FOLDABLE,
    base_axis,
    channel_axis,
    scale_and_shift,
    scaled_weight,
)
from nnabla_compress.analysis.layers import BIAS, parameter_names
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import beside, constant, value
from nnabla_compress.graph.rewrite import consumers, functions, leaves, rebuild, times_read
from nnabla_compress.turns import one_at_a_time

_LARGEST_BIAS = 1e30


@one_at_a_time
def fold_batch_normalization(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> List[nn.Variable]:
    """Builds the graph again without batch normalizations, for inference.

    Those that use the statistics of the batch stay: see
    :func:`nnabla_compress.graph.with_batch_statistics`. The old graph and its parameters do not
    change; new ones carry their path as the name of their Variable: ``W`` and ``b`` those of the
    layer, ``scale`` beside them.

    Args:
        outputs: Variables of one graph.
        parameters: Parameters by path, to name the new ones; by default those of the current
            parameter scope.

    Returns:
        The new outputs, or the given ones where there is nothing to fold.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.graph import functions
        >>> nn.clear_parameters()
        >>> h = PF.convolution(nn.Variable((1, 3, 8, 8)), 16, (3, 3), name="c1")
        >>> y, = fold_batch_normalization([PF.batch_normalization(h, batch_stat=False)])
        >>> [(f.info.type_name, f.inputs[1].name) for f in functions([y])]
        [('Convolution', 'c1/conv/W')]
    """
    if not any(function.info.type_name in FOLDABLE for function in functions(outputs)):
        return list(outputs)
    names = parameter_names(outputs, parameters)
    readers = consumers(outputs)
    uses = times_read(outputs)
    unnamed = count(1)

    def replace(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
        type_name = function.info.type_name
        if type_name not in FOLDABLE or function.info.args["batch_stat"]:
            return None
        scale, shift = scale_and_shift(function)
        layer = inputs[0].parent
        y = None
        if layer is not None and readers[function.inputs[0]] == [function]:
            y = fold_into_layer(layer, scale, shift, uses, names)
        if y is None:
            path = names.get(function.inputs[1].data, f"BatchNormalization_{next(unnamed)}/mean")
            y = _affine_map(inputs[0], scale, shift, path)
        y = with_fused_end(function, inputs, y)
        y.name = function.outputs[0].name
        return y

    return rebuild(outputs, replace)


def with_fused_end(function: Any, inputs: Sequence[nn.Variable], y: nn.Variable) -> nn.Variable:
    """Returns what a batch normalization gives that adds a map and rectifies, where it does.

    Args:
        function: A batch normalization of a graph.
        inputs: Its inputs in the new graph.
        y: What it gives without.
    """
    if function.info.type_name != "FusedBatchNormalization":
        return y
    y = F.add2(y, inputs[5]) if len(inputs) > 5 else y
    return F.relu(y) if function.info.args["nonlinearity"] == "relu" else y


def fold_into_layer(
    layer: Any,
    scale: np.ndarray,
    shift: np.ndarray,
    uses: Mapping[Any, int],
    names: Mapping[Any, str],
) -> Optional[nn.Variable]:
    """Returns a layer's output with a map of it, ``scale * y + shift``, taken into W and b.

    A weight that is computed or used elsewhere stays, with the scale behind the layer.

    Args:
        layer: A function with a weight.
        scale: Factors, float64, of as many dimensions as the output, such as (1, C, 1, 1).
        shift: Terms of the same shape.
        uses: How often each parameter of the graph is read, by its array.
        names: Paths of parameters by their array.

    Returns:
        The new output, None if the map varies along other axes than the layer's channels, or the
        bias is computed.
    """
    output = layer.outputs[0].shape
    axis = channel_axis(layer, scale.shape, output)
    if axis is None:
        return None
    x, weight = layer.inputs[:2]
    bias = layer.inputs[BIAS] if len(layer.inputs) > BIAS else None
    if bias is not None and bias.parent is not None:
        return None
    weight_name = _name_behind(weight, names)
    bias_name = beside(weight_name, "b") if bias is None else names.get(bias.data, bias.name)
    bias_name = bias_name or beside(weight_name, "b")
    # An Affine has a bias for each output, a convolution for each channel.
    sample = output[base_axis(layer) :] if layer.info.type_name == "Affine" else (scale.size,)
    per_output = [1] * len(sample)
    per_output[axis - base_axis(layer) if layer.info.type_name == "Affine" else 0] = scale.size
    s, t = scale.reshape(per_output), shift.reshape(per_output)
    before = np.zeros(sample) if bias is None else value(bias).reshape(sample)
    total = np.broadcast_to(s * before + t, sample)
    if weight.parent is None and uses.get(weight.data, 0) <= 1:
        folded = constant(scaled_weight(layer, value(weight), scale.ravel(), axis), weight_name)
        return clone(layer, [x, folded, constant(total, bias_name)])[0]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inner = total / s
    if not np.all(np.abs(inner) < _LARGEST_BIAS):
        y = clone(layer, [x, weight] if bias is None else [x, weight, bias])[0]
        return _affine_map(y, scale, shift, weight_name)
    y = clone(layer, [x, weight, constant(inner, bias_name)])[0]
    return _affine_map(y, scale, np.zeros_like(scale), weight_name)


def _affine_map(
    x: nn.Variable, scale: np.ndarray, shift: np.ndarray, beside_path: str
) -> nn.Variable:
    """Returns ``scale * x + shift``, without what changes nothing."""
    if np.any(scale != 1):
        x = F.mul2(x, constant(scale, beside(beside_path, "scale")))
    if np.any(shift != 0):
        x = F.add2(x, constant(shift, beside(beside_path, "shift")))
    return x


def _name_behind(weight: nn.Variable, names: Mapping[Any, str]) -> str:
    """Returns the path of the parameter that a weight is or is computed from."""
    for leaf in leaves([weight]):
        if leaf.data in names:
            return names[leaf.data]
    return "W"
