# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Cross-layer equalization: channels of consecutive layers scaled so that their weights agree.

Between two layers, ReLU and pooling let a positive factor pass: dividing output channel i of the
first by s_i and multiplying input channel i of the second by it leaves the network's function as it
was. With the ranges r1_i = max|W1_i| and r2_i = max|W2_i|::

    s_i = sqrt(r1_i / r2_i),        r1_i' = r2_i' = sqrt(r1_i r2_i)

so that one scale for a whole weight serves all its channels well.

M. Nagel et al., Data-free quantization through weight equalization and bias correction, ICCV 2019,
arXiv:1906.04721.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.graph import Layer, consumers, functions, layers
from nnabla_compress.graph.constants import value

# f(s x) = s f(x) for s > 0, channel by channel.
_LET_PASS = (
    *("ReLU", "LeakyReLU", "MaxPooling", "AveragePooling", "SumPooling", "GlobalAveragePooling"),
    *("Identity", "Dropout", "Reshape"),
)
_FIRST = ("Convolution", "DepthwiseConvolution", "Affine")
_SECOND = ("Convolution", "DepthwiseConvolution", "Affine")
_SWEEPS, _ENOUGH = 50, 1e-4
_MOST = 2.0**12


@dataclass(frozen=True)
class Pair:
    """Two layers between which channels can be scaled.

    Args:
        first: The layer whose output channels are scaled.
        second: The layer whose input channels are scaled.
        channels: Number of channels between them.
    """

    first: Layer
    second: Layer
    channels: int


def pairs(outputs: Sequence[nn.Variable]) -> List[Pair]:
    """Returns the pairs of layers with nothing between them but what lets a factor pass.

    Args:
        outputs: Variables of one graph, batch normalizations folded.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), name="c1"))
        >>> pair, = pairs([PF.affine(F.average_pooling(h, (2, 2)), 2, name="fc")])
        >>> pair.first.name, pair.second.name, pair.channels
        ('c1/conv', 'fc/affine', 4)
    """
    found = layers(outputs)
    by_function = {layer.function: layer for layer in found}
    readers = consumers(outputs)
    uses = Counter(v.data for f in functions(outputs) for v in f.inputs)
    pairs_found = []
    for second in found:
        first = _before(second, by_function, readers)
        if first is None or first.type not in _FIRST or second.type not in _SECOND:
            continue
        if any(layer.computed_by or layer.quantizer is not None for layer in (first, second)):
            continue
        parameters = [first.weight, second.weight, first.bias]
        if any(p is not None and (p.parent is not None or uses[p.data] > 1) for p in parameters):
            continue
        channels = _output_channels(first)
        if channels is not None and _fits(second, channels):
            pairs_found.append(Pair(first, second, channels))
    return pairs_found


def equalize(outputs: Sequence[nn.Variable]) -> int:
    """Scales the weights and biases of all pairs of layers, in place, until nothing changes.

    Args:
        outputs: Variables of one graph, batch normalizations folded. What they compute stays the
            same up to float32 rounding.

    Returns:
        The number of pairs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.affine(nn.Variable((1, 1)), 1, name="a"))
        >>> y = PF.affine(h, 1, name="b")
        >>> a, b = (nn.get_parameters()[name] for name in ("a/affine/W", "b/affine/W"))
        >>> a.d, b.d = 8, 2
        >>> equalize([y]), a.d.item(), b.d.item()
        (1, 4.0, 4.0)
    """
    found = pairs(outputs)
    arrays: Dict[Any, np.ndarray] = {}
    variables: Dict[Any, nn.Variable] = {}
    for pair in found:
        for variable in (pair.first.weight, pair.second.weight, pair.first.bias):
            if variable is not None:
                arrays.setdefault(variable.data, value(variable))
                variables[variable.data] = variable
    for _ in range(_SWEEPS if found else 0):
        if max(_equalize_pair(pair, arrays) for pair in found) < _ENOUGH:
            break
    for key, variable in variables.items():
        variable.d = arrays[key]
    return len(found)


def _equalize_pair(pair: Pair, arrays: Dict[Any, np.ndarray]) -> float:
    """Scales one pair; returns how far the largest factor is from 1."""
    first = arrays[pair.first.weight.data]
    second = arrays[pair.second.weight.data]
    out, into = _by_output(pair.first, first), _by_input(pair.second, second, pair.channels)
    others = tuple(axis for axis in range(into.ndim) if axis not in _INPUT_AXES)
    r1 = np.abs(out).max(axis=1)
    r2 = np.abs(into).max(axis=others).reshape(-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        s = np.where((r1 > 0) & (r2 > 0), np.sqrt(r1 / r2), 1.0)
    s = np.clip(s, 1 / _MOST, _MOST)
    out /= s[:, None]
    into *= s.reshape([into.shape[a] if a in _INPUT_AXES else 1 for a in range(into.ndim)])
    arrays[pair.first.weight.data] = _from_output(pair.first, out, first.shape)
    arrays[pair.second.weight.data] = into.reshape(second.shape)
    if pair.first.bias is not None:
        bias = arrays[pair.first.bias.data]
        arrays[pair.first.bias.data] = (bias.reshape(len(s), -1) / s[:, None]).reshape(bias.shape)
    return float(np.abs(s - 1).max())


# Axes of what _by_input returns that together count the input channels.
_INPUT_AXES = (0, 2)


def _by_input(layer: Layer, weight: np.ndarray, channels: int) -> np.ndarray:
    """The weight as (groups, outputs of a group, inputs of a group, the rest)."""
    if layer.type == "Affine":
        # Several inputs in a row may belong to one channel: a flattened map.
        return weight.reshape(1, 1, channels, -1)
    if layer.type == "DepthwiseConvolution":
        return weight.reshape(channels, -1, 1, int(np.prod(weight.shape[1:])))
    group = int(layer.function.info.args["group"])
    return weight.reshape(group, weight.shape[0] // group, weight.shape[1], -1)


def _by_output(layer: Layer, weight: np.ndarray) -> np.ndarray:
    """A copy of the weight as (outputs, the rest)."""
    if layer.type == "Affine":
        return weight.reshape(weight.shape[0], -1).T.copy()
    return weight.reshape(weight.shape[0], -1).copy()


def _from_output(layer: Layer, rows: np.ndarray, shape: Tuple[int, ...]) -> np.ndarray:
    return np.ascontiguousarray(rows.T if layer.type == "Affine" else rows).reshape(shape)


def _output_channels(layer: Layer) -> Optional[int]:
    """The number of output channels on axis 1, None if they are elsewhere."""
    args, shape = layer.function.info.args, layer.output_shape
    if args.get("channel_last") or int(args["base_axis"]) % len(layer.input_shape) != 1:
        return None
    if layer.type == "Affine" and len(shape) != 2:
        return None
    return int(shape[1])


def _fits(layer: Layer, channels: int) -> bool:
    """Whether the second layer reads these channels, each as one or several inputs in a row."""
    args, shape = layer.function.info.args, layer.input_shape
    if args.get("channel_last") or int(args["base_axis"]) % len(shape) != 1:
        return False
    if layer.type == "Affine":
        return int(layer.weight.shape[0]) % channels == 0
    return int(shape[1]) == channels


def _before(
    layer: Layer,
    by_function: Mapping[Any, Layer],
    readers: Mapping[nn.Variable, List[Any]],
) -> Optional[Layer]:
    variable = layer.function.inputs[0]
    while variable.parent is not None and len(readers[variable]) == 1:
        function = variable.parent
        if function in by_function:
            return by_function[function]
        if function.info.type_name not in _LET_PASS:
            return None
        if function.info.type_name == "Reshape" and not _keeps_channels(function, layer):
            return None
        if function.info.args.get("channel_last"):
            return None
        variable = function.inputs[0]
    return None


def _keeps_channels(function: Any, layer: Layer) -> bool:
    """Whether a Reshape leaves the channels on axis 1, or makes rows of them for an Affine."""
    before, after = function.inputs[0].shape, function.outputs[0].shape
    if len(before) < 2 or len(after) < 2 or before[0] != after[0]:
        return False
    return before[1] == after[1] or (layer.type == "Affine" and len(after) == 2)
