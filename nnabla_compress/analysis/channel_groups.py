# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which channels of a network must be as many: those that meet in additions and normalizations.

The output channels of a layer make a group. Where maps are added, their groups become one; behind
functions that work on each channel apart, the group stays what it is. Channels whose number can't
change are the fixed group: those of the network's inputs and outputs, and all that go through a
function that mixes channels in a way that is not known here.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, Callable, Collection, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.function_types import NORMALIZATIONS, WEIGHTED, types_that
from nnabla_compress.functions.quantized_gradient import QuantizedGradient
from nnabla_compress.graph.rewrite import functions

FIXED = 0
_TOGETHER = ("Add2", "Sub2", "Mul2", "Div2", "Maximum2", "Minimum2", "AddN", "PReLU")
_REDUCTIONS = ("Sum", "Mean", "Max", "Min")
_APART = {
    *types_that(apart=True, normalization=False),
    *types_that(training_only=True),
    QuantizedGradient.graph_type(),
    *("Unpooling", "Interpolate", "PowScalar", "RSubScalar", "RDivScalar"),
} - {*_TOGETHER, "Reshape"}


@dataclass(frozen=True)
class Channels:
    """The channels along an axis of a tensor.

    Args:
        axis: The axis.
        segments: Group and number of the channels that follow one another.
        repeat: Entries of a channel in a row: more than one in a flattened map.
    """

    axis: int
    segments: Tuple[Tuple[int, int], ...]
    repeat: int = 1

    @property
    def count(self) -> int:
        """Number of channels."""
        return sum(count for _, count in self.segments)


class ChannelGroups:
    """The groups of channels of a graph.

    Args:
        outputs: Variables of the graph.
        inputs: The network's inputs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3, 8, 8))
        >>> h = PF.convolution(x, 8, (3, 3), pad=(1, 1), name="a")
        >>> h = F.relu(h + PF.convolution(h, 8, (3, 3), pad=(1, 1), name="b"))
        >>> groups = ChannelGroups([PF.affine(h, 10, name="fc")], [x])
        >>> groups.members()
        [['a/conv', 'b/conv']]
    """

    def __init__(self, outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable]) -> None:
        self._parents = [FIXED]
        self._channels: Dict[nn.Variable, Channels] = {}
        self._inputs = set(inputs)
        self.layers = {layer.function: layer for layer in layers(outputs)}
        self.parameters: Dict[Any, Channels] = {}
        """Channels of biases, normalizations and the like, by the array of the parameter."""
        self.read: Dict[Any, Channels] = {}
        """Channels of what a layer reads, by the array of its weight, as they lie in the input."""
        self.made: Dict[Any, Channels] = {}
        """Channels of what a layer gives, by the array of its weight."""
        self._uses: Counter[Any] = Counter()
        order = functions(outputs)
        for function in order:
            self._follow(function)
        for output in outputs:
            self._fix(self._channels.get(output))
        used = Counter(v.data for f in order for v in f.inputs if v.parent is None)
        for tables in (self.parameters, self.read, self.made):
            for data, channels in tables.items():
                if used[data] > self._uses[data]:
                    self._fix(channels)

    def of(self, variable: nn.Variable) -> Optional[Channels]:
        """Returns the channels of a computed variable, None where nothing is known of them."""
        return self._channels.get(variable)

    def group(self, number: int) -> int:
        """Returns which group a group has become a part of."""
        while self._parents[number] != number:
            number = self._parents[number]
        return number

    def members(self) -> List[List[str]]:
        """Returns the names of the layers of each group whose number of channels can change."""
        found: Dict[int, Dict[str, None]] = {}
        for layer in self.layers.values():
            made = self.made.get(layer.weight.data)
            for number, _ in made.segments if made is not None else ():
                found.setdefault(self.group(number), {})[layer.name] = None
        return [list(names) for group, names in found.items() if group != FIXED]

    def _new(self) -> int:
        self._parents.append(len(self._parents))
        return len(self._parents) - 1

    def _join(self, one: int, other: int) -> None:
        first, second = sorted((self.group(one), self.group(other)))
        self._parents[second] = first

    def _fix(self, *every: Optional[Channels]) -> None:
        for channels in every:
            for number, _ in channels.segments if channels is not None else ():
                self._join(FIXED, number)

    def _unite(self, one: Channels, other: Channels) -> None:
        counts = [[count for _, count in channels.segments] for channels in (one, other)]
        if one.repeat != other.repeat or counts[0] != counts[1]:
            self._fix(one, other)
            return
        for (first, _), (second, _) in zip(one.segments, other.segments):
            self._join(first, second)

    def _register(self, table: Dict[Any, Channels], data: Any, channels: Channels) -> None:
        known = table.setdefault(data, channels)
        if known.axis != channels.axis:
            self._fix(known, channels)
        self._unite(known, channels)

    def _follow(self, function: Any) -> None:
        type_name, inputs = function.info.type_name, function.inputs
        x = self._channels.get(inputs[0]) if inputs else None
        rule: Optional[Callable[[Any, Channels], Optional[Channels]]] = _RULES.get(type_name)
        made: Optional[Channels] = None
        if type_name in WEIGHTED:
            made = self._layer(function, x)
        elif type_name in NORMALIZATIONS:
            made = self._normalization(function, x)
        elif type_name in _TOGETHER:
            made = self._together(function)
        elif type_name == "Concatenate":
            made = self._concatenation(function)
        elif x is not None and len(inputs) == 1 and not function.info.args.get("channel_last"):
            if type_name in _APART:
                made = x
            elif rule is not None:
                made = rule(function, x)
        if made is None:
            self._fix(*(self._channels.get(variable) for variable in inputs))
            return
        for output in function.outputs:
            self._channels[output] = made

    def _layer(self, function: Any, x: Optional[Channels]) -> Optional[Channels]:
        layer = self.layers.get(function)
        if layer is None or layer.quantizer is not None or layer.computed_by or not layer.direct:
            return None
        args, type_name = function.info.args, layer.type
        base = int(args.get("base_axis", 1)) % max(1, function.inputs[0].ndim)
        if args.get("channel_last") or (layer.bias is not None and layer.bias.parent is not None):
            return None
        if type_name == "DepthwiseConvolution":
            return self._depthwise(layer, x, base)
        plain = type_name == "Convolution" or int(args.get("group", 1)) == 1
        if type_name not in ("Convolution", "Affine", "Deconvolution") or not plain:
            return None
        if x is not None and (x.axis < base or (type_name != "Affine" and x.axis != base)):
            self._fix(x)
            x = None
        if x is not None and int(args.get("group", 1)) > 1 and len(x.segments) > 1:
            self._fix(x)  # groups of a convolution would read different numbers of channels
        weight = layer.weight
        self._uses[weight.data] += 1
        if x is not None:
            self._register(self.read, weight.data, x)
        elif weight.data in self.read:
            self._fix(self.read[weight.data])
        if type_name == "Affine" and weight.ndim != 2:
            return None
        count = function.outputs[0].shape[base]
        made = Channels(base, ((self._new(), int(count)),))
        self._register(self.made, weight.data, made)
        if layer.bias is not None:
            self._uses[layer.bias.data] += 1
            self._register(self.parameters, layer.bias.data, replace(made, axis=0))
        return made

    def _depthwise(self, layer: Layer, x: Optional[Channels], base: int) -> Optional[Channels]:
        if x is None or x.axis != base or layer.weight.shape[0] != x.count:
            return None
        for parameter in (layer.weight, layer.bias):
            if parameter is not None:
                self._uses[parameter.data] += 1
                self._register(self.parameters, parameter.data, replace(x, axis=0))
        return x

    def _normalization(self, function: Any, x: Optional[Channels]) -> Optional[Channels]:
        if x is None or [axis % function.inputs[0].ndim for axis in function.info.args["axes"]] != [
            x.axis
        ]:
            return None
        for variable in function.inputs[1:]:
            if variable.parent is not None or variable in self._inputs:
                other = self._channels.get(variable)
                self._fix(x) if other is None else self._unite(x, other)
            else:
                self._uses[variable.data] += 1
                self._register(self.parameters, variable.data, x)
        return x

    def _together(self, function: Any) -> Optional[Channels]:
        inputs, ndim = function.inputs, function.outputs[0].ndim
        known = [self._channels.get(variable) for variable in inputs]
        first = next((c for v, c in zip(inputs, known) if c is not None and v.ndim == ndim), None)
        if first is None:
            return None
        for variable, channels in zip(inputs, known):
            axis = first.axis - ndim + variable.ndim
            if function.info.type_name == "PReLU" and variable == inputs[1]:
                axis = 0
            size = variable.shape[axis] if 0 <= axis < variable.ndim else 1
            if channels is not None and channels.axis == axis and size > 1:
                self._unite(first, channels)
            elif channels is not None and size > 1:
                self._fix(first, channels)
            elif channels is not None:
                self._fix(channels)
            elif variable.parent is None and variable not in self._inputs:
                if size > 1:
                    self._uses[variable.data] += 1
                    self._register(self.parameters, variable.data, replace(first, axis=axis))
            elif size > 1:
                self._fix(first)
        return first

    def _concatenation(self, function: Any) -> Optional[Channels]:
        known = [self._channels.get(variable) for variable in function.inputs]
        axis = function.info.args["axis"] % function.outputs[0].ndim
        first = next((channels for channels in known if channels is not None), None)
        if first is None:
            return None
        if axis != first.axis:
            for channels in known:
                if channels is None or channels.axis != first.axis:
                    return None
                self._unite(first, channels)
            return first
        segments: List[Tuple[int, int]] = []
        for variable, channels in zip(function.inputs, known):
            if channels is None and variable.shape[axis] % first.repeat == 0:
                segments.append((FIXED, variable.shape[axis] // first.repeat))
            elif channels is None or (channels.axis, channels.repeat) != (axis, first.repeat):
                return None
            else:
                segments += channels.segments
        return Channels(axis, tuple(segments), first.repeat)


def pad_of_axis(function: Any, axis: int) -> Optional[int]:
    """Returns where the padding of an axis begins in the ``pad_width`` of a Pad, None if nowhere.

    Args:
        function: The Pad.
        axis: The axis.
    """
    widths = function.info.args["pad_width"]
    place = 2 * (axis - function.inputs[0].ndim) + len(widths)
    return place if place >= 0 and (widths[place] or widths[place + 1]) else None


def slice_of_axis(function: Any, axis: int) -> Optional[int]:
    """Returns where the bounds of an axis stand in the arguments of a Slice, None if nowhere."""
    place = axis - function.inputs[0].ndim + len(function.info.args["start"])
    return place if place >= 0 else None


def _pad(function: Any, x: Channels) -> Optional[Channels]:
    place = pad_of_axis(function, x.axis)
    if place is None:
        return x
    if len(x.segments) != 1 or x.repeat != 1 or function.info.args["mode"] != "constant":
        return None
    return replace(x, segments=((x.segments[0][0], function.outputs[0].shape[x.axis]),))


def _reshape(function: Any, x: Channels) -> Optional[Channels]:
    before, after = function.inputs[0].shape, function.outputs[0].shape
    outer = int(np.prod(before[: x.axis]))
    for axis in range(1, len(after)):
        same = int(np.prod(after[:axis])) == outer and after[axis] % x.count == 0
        inner, rest = np.prod(before[x.axis + 1 :]), np.prod(after[axis + 1 :])
        if same and x.count * x.repeat * int(inner) == after[axis] * int(rest):
            return Channels(axis, x.segments, after[axis] // x.count)
    return None


def _transpose(function: Any, x: Channels) -> Optional[Channels]:
    return replace(x, axis=list(function.info.args["axes"]).index(x.axis))


def _slice(function: Any, x: Channels) -> Optional[Channels]:
    whole = function.outputs[0].shape[x.axis] == function.inputs[0].shape[x.axis]
    place = slice_of_axis(function, x.axis)
    return x if whole and (place is None or function.info.args["step"][place] == 1) else None


def _broadcast(function: Any, x: Channels) -> Optional[Channels]:
    return x if function.outputs[0].ndim == function.inputs[0].ndim else None


def _reduction(function: Any, x: Channels) -> Optional[Channels]:
    ndim = function.inputs[0].ndim
    axes = [axis % ndim for axis in function.info.args["axes"]]
    if x.axis in axes:
        return None
    if function.info.args["keep_dims"]:
        return x
    return replace(x, axis=x.axis - sum(axis < x.axis for axis in axes))


_RULES: Dict[str, Callable[[Any, Channels], Optional[Channels]]] = {
    "Pad": _pad,
    "Reshape": _reshape,
    "Transpose": _transpose,
    "Slice": _slice,
    "Broadcast": _broadcast,
    **dict.fromkeys(_REDUCTIONS, _reduction),
}
