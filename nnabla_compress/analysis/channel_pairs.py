# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels between two layers that can be scaled without changing what the network computes.

ReLU, pooling and padding with zeros let a positive factor pass: output channel i of the first
layer divided by s_i, and input channel i of the second multiplied by it, cancel. A ReLU6 lets it
pass if its bound is divided, too: ``min(relu(x), 6) / s = min(relu(x / s), 6 / s)``, a clip with a
bound for each channel.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.function_types import ACTIVATIONS, FORWARD_LAYERS, types_that
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import consumers, functions, rebuild

# f(s x) = s f(x) for s > 0, channel by channel.
_LET_PASS = types_that(homogeneous=True, apart=True)
_CLIP = "Minimum2"
_SIX = 6.0  # of ReLU6


@dataclass(frozen=True)
class Pair:
    """Two layers between which channels can be scaled.

    Args:
        first: The layer whose output channels are scaled.
        second: The layer whose input channels are scaled.
        channels: Number of channels between them.
        between: The functions between them, from the second to the first.
    """

    first: Layer
    second: Layer
    channels: int
    between: Tuple[Any, ...] = ()

    @property
    def bounds(self) -> List[nn.Variable]:
        """The bounds of clips between them, a parameter with one for each channel."""
        return [f.inputs[1] for f in self.between if f.info.type_name == _CLIP]

    @property
    def clipped(self) -> bool:
        """Whether a clip with one bound for all channels stands between them."""
        return any(not lets_pass(function) for function in self.between)

    def parameters(self) -> List[nn.Variable]:
        """All that a scaling of the channels changes."""
        bias = [] if self.first.bias is None else [self.first.bias]
        return [self.first.weight, self.second.weight, *bias, *self.bounds]

    def scale(self, factors: np.ndarray, arrays: Dict[Any, np.ndarray]) -> None:
        """Divides what the channels hold by factors.

        Args:
            factors: One positive number for each channel.
            arrays: Values of the parameters, contiguous, by their array; those of weights change
                in place.
        """
        first, second = (arrays[layer.weight.data] for layer in (self.first, self.second))
        out = by_output(self.first, first)
        np.divide(out, factors[:, None], out=out)
        into = by_input(self.second, second, self.channels)
        shape = [into.shape[a] if a in INPUT_AXES else 1 for a in range(into.ndim)]
        np.multiply(into, factors.reshape(shape), out=into)
        if self.first.bias is not None:
            bias = arrays[self.first.bias.data]
            scaled = bias.reshape(len(factors), -1) / factors[:, None]
            arrays[self.first.bias.data] = scaled.reshape(bias.shape)
        for bound in self.bounds:
            values = arrays[bound.data]
            arrays[bound.data] = values / factors.reshape(values.shape)


def pairs(outputs: Sequence[nn.Variable], through_clips: bool = False) -> List[Pair]:
    """Returns the pairs of layers with nothing between them but what lets a factor pass.

    Args:
        outputs: Variables of one graph, batch normalizations folded.
        through_clips: Whether clips with one bound for all channels may stand between them, too.
            Factors of at most 1 then make the clip cut off more of a channel, not less.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), name="c1"))
        >>> pair, = pairs([PF.affine(F.average_pooling(h, (2, 2)), 2, name="fc")])
        >>> pair.first.name, pair.second.name, pair.channels
        ('c1/conv', 'fc/affine', 4)
    """
    return _pairs(outputs, _lets_pass_or_clips if through_clips else lets_pass)


def stopped_at(outputs: Sequence[nn.Variable]) -> List[str]:
    """Returns the activations between two layers that keep these from being a pair.

    A Swish, say, lets no factor pass: the layers around it stay as they are.

    Args:
        outputs: Variables of one graph, batch normalizations folded.

    Returns:
        A type and the layer before it, each.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.swish(PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), name="c1"))
        >>> stopped_at([PF.convolution(h, 2, (3, 3), name="c2")])
        ['Swish behind c1/conv']
    """

    def passes(function: Any) -> bool:
        return function.info.type_name in ACTIVATIONS or _lets_pass_or_clips(function)

    return [
        f"{function.info.type_name} behind {pair.first.name}"
        for pair in _pairs(outputs, passes)
        for function in pair.between
        if not _lets_pass_or_clips(function)
    ]


def _pairs(outputs: Sequence[nn.Variable], passes: Callable[[Any], bool]) -> List[Pair]:
    found = layers(outputs)
    by_function = {layer.function: layer for layer in found}
    readers = consumers(outputs)
    uses = Counter(v.data for f in functions(outputs) for v in f.inputs)
    pairs_found = []
    for second in found:
        first, between = _before(second, by_function, readers, passes)
        if first is None or not {first.type, second.type} <= {*FORWARD_LAYERS}:
            continue
        if any(layer.computed_by or layer.quantizer is not None for layer in (first, second)):
            continue
        parameters = [first.weight, second.weight, first.bias]
        if any(p is not None and (p.parent is not None or uses[p.data] > 1) for p in parameters):
            continue
        channels = _output_channels(first)
        if channels is not None and _fits(second, channels):
            pairs_found.append(Pair(first, second, channels, tuple(between)))
    return pairs_found


# Axes of what by_input returns that together count the input channels.
INPUT_AXES = (0, 2)


def by_input(layer: Layer, weight: np.ndarray, channels: int) -> np.ndarray:
    """The weight as (groups, outputs of a group, inputs of a group, the rest)."""
    if layer.type == "Affine":
        # Several inputs in a row may belong to one channel: a flattened map.
        return weight.reshape(1, 1, channels, -1)
    if layer.type == "DepthwiseConvolution":
        return weight.reshape(channels, -1, 1, int(np.prod(weight.shape[1:])))
    group = int(layer.function.info.args["group"])
    return weight.reshape(group, weight.shape[0] // group, weight.shape[1], -1)


def by_output(layer: Layer, weight: np.ndarray) -> np.ndarray:
    """The weight as (outputs, the rest)."""
    rows = weight.reshape(weight.shape[0], -1)
    return rows.T if layer.type == "Affine" else rows


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
    passes: Callable[[Any], bool],
) -> Tuple[Optional[Layer], List[Any]]:
    """The layer before, and the functions between, which let a factor pass; None if some don't."""
    variable = layer.function.inputs[0]
    between: List[Any] = []
    while variable.parent is not None and len(readers[variable]) == 1:
        function = variable.parent
        if function in by_function:
            return by_function[function], between
        if not passes(function) or function.info.args.get("channel_last"):
            break
        if function.info.type_name == "Reshape" and not _keeps_channels(function, layer):
            break
        between.append(function)
        variable = function.inputs[0]
    return None, []


def lets_pass(function: Any) -> bool:
    """Returns whether a positive factor of a channel passes through a function.

    Args:
        function: A function of a graph.
    """
    type_name, args = function.info.type_name, function.info.args
    if type_name == "Pad":
        return bool(args["mode"] != "constant" or args["constant_value"] == 0)
    if type_name == _CLIP:
        return _has_bounds_by_channel(function)
    return type_name in _LET_PASS or (type_name == "MaximumScalar" and args["val"] == 0)


def _has_bounds_by_channel(function: Any) -> bool:
    x, bounds = function.inputs
    shape = [1, *x.shape[1:2], *[1] * (x.ndim - 2)]
    return bounds.parent is None and x.parent is not None and list(bounds.shape) == shape


def _keeps_channels(function: Any, layer: Layer) -> bool:
    """Whether a Reshape leaves the channels on axis 1, or makes rows of them for an Affine."""
    before, after = function.inputs[0].shape, function.outputs[0].shape
    if len(before) < 2 or len(after) < 2 or before[0] != after[0]:
        return False
    return before[1] == after[1] or (layer.type == "Affine" and len(after) == 2)


def with_channel_clips(outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
    """Builds the graph again with a bound for each channel in clips between pairs of layers.

    A ReLU6 becomes a ReLU and a Minimum2 with a parameter of shape (1, C, 1, ...); so does a
    MinimumScalar with a positive bound. What the network computes stays the same.

    Args:
        outputs: Variables of one graph, batch normalizations folded.

    Returns:
        The new outputs; the very same variables where there is no such clip.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu6(PF.convolution(nn.Variable((1, 3, 8, 8)), 4, (3, 3), name="c1"))
        >>> y, = with_channel_clips([PF.convolution(h, 2, (3, 3), name="c2")])
        >>> [f.info.type_name for f in functions([y])], pairs([y])[0].bounds[0].d.ravel().tolist()
        (['Convolution', 'ReLU', 'Minimum2', 'Convolution'], [6.0, 6.0, 6.0, 6.0])
    """
    wanted = {
        function
        for pair in pairs(outputs, through_clips=True)
        for function in pair.between
        if not lets_pass(function)
    }

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        if function not in wanted:
            return None
        x = arguments[0]
        if function.info.type_name == "ReLU6":
            x, bound = F.relu(x), _SIX
        else:
            bound = function.info.args["val"]
        shape = (1, x.shape[1], *[1] * (x.ndim - 2))
        return F.minimum2(x, constant(np.full(shape, bound, np.float32), "bound", False))

    return rebuild(outputs, replace) if wanted else list(outputs)


def _lets_pass_or_clips(function: Any) -> bool:
    type_name = function.info.type_name
    clips = type_name == "ReLU6" or (type_name == "MinimumScalar" and function.info.args["val"] > 0)
    return clips or lets_pass(function)
