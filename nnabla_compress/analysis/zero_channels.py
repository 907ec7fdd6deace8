# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels that a network computes for nothing: their weights are zero, or nobody reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import FOLDABLE, scale_and_shift
from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.function_types import types_that
from nnabla_compress.graph.constants import value
from nnabla_compress.graph.rewrite import consumers
from nnabla_compress.quantizers.base import quantizer_of

# Functions that keep channels apart, so that a channel of constants stays one.
_APART = frozenset(types_that(apart=True))
_OF_CONSTANTS = ("Mul2", "Add2")  # where their second input is a parameter


@dataclass(frozen=True)
class ZeroChannels:
    """Channels of a layer that could be removed.

    Args:
        layer: Its name.
        zero: Output channels that are the same whatever comes in: all of their weights are zero,
            or the scale behind them is.
        unread: Input channels that no weight of the layer reads.
        outputs: Number of output channels.
        inputs: Number of input channels.
        weights: Weights of the layer that would go with its own channels, and with those of the
            layers before and behind it.
        macs: Multiply-accumulate operations for one sample, likewise.
    """

    layer: str
    zero: int
    unread: int
    outputs: int
    inputs: int
    weights: int
    macs: int

    @property
    def bytes(self) -> int:
        """Bytes of the weights as floats."""
        return 4 * self.weights

    @property
    def channels(self) -> str:
        """Its own channels in words."""
        found = []
        if self.zero:
            found.append(f"{self.zero} of {self.outputs} output channels zero")
        if self.unread:
            found.append(f"{self.unread} of {self.inputs} input channels never read")
        return ", ".join(found) or "next to such a layer"


@dataclass
class _Channels:
    layer: Layer
    zero: np.ndarray  # of each output channel
    unread: np.ndarray  # of each input channel
    group: int
    own: Tuple[int, int]  # zero and unread ones, before the neighbours are looked at


def zero_channels(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> List[ZeroChannels]:
    """Returns the layers with channels that could be removed.

    Args:
        outputs: Variables of one graph; quantized weights are looked at as they are quantized.
        parameters: Parameters by path, to name the layers; by default those of the current scope.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.convolution(nn.Variable((1, 1, 6, 6)), 4, (3, 3), name="c"))
        >>> y = PF.convolution(h, 2, (3, 3), name="d")
        >>> nn.get_parameters()["c/conv/W"].d[1:3] = 0
        >>> [(found.layer, found.zero, found.weights) for found in zero_channels([y])]
        [('c/conv', 2, 18), ('d/conv', 0, 36)]
    """
    readers = consumers(outputs)
    found: Dict[Any, _Channels] = {}
    for layer in layers(outputs, parameters):
        channels = None if layer.shared else _channels(layer, readers)
        if channels is not None:
            found[layer.function] = channels
    for channels in found.values():
        _hand_on(channels, found, readers)
    return [row for row in map(_row, found.values()) if row is not None]


def _channels(layer: Layer, readers: Mapping[nn.Variable, List[Any]]) -> Optional[_Channels]:
    weight = layer.weight
    values = value(weight) if weight.parent is not None else weight.d
    if layer.quantizer is not None:
        quantizer = quantizer_of(layer.quantizer)
        assert quantizer is not None
        values = quantizer.encode(layer.quantizer).decode()
    args = layer.function.info.args
    group = int(args.get("group", 1))
    used = values != 0
    if layer.type == "Affine":
        used = used.reshape(weight.shape[0], -1)
        unread, zero = ~used.any(axis=1), ~used.any(axis=0)
    elif layer.type == "Convolution":
        axis = used.ndim - 1 if args.get("channel_last") else 1
        zero = ~used.reshape(used.shape[0], -1).any(axis=1)
        others = tuple(a for a in range(used.ndim) if a not in (0, axis))
        reads = used.any(axis=others).reshape(group, -1, used.shape[axis])
        unread = ~reads.any(axis=1).ravel()
    elif layer.type == "DepthwiseConvolution":
        zero = ~used.reshape(used.shape[0], -1).any(axis=1)
        unread = np.zeros(layer.input_shape[1], bool)
        if len(zero) == len(unread) and not args.get("channel_last"):
            unread = zero.copy()
    else:
        return None
    zero = zero | _scaled_away(layer, len(zero), readers)
    own = int(zero.sum()), 0 if layer.type == "DepthwiseConvolution" else int(unread.sum())
    return _Channels(layer, zero, unread, group, own)


def _scaled_away(layer: Layer, count: int, readers: Mapping[nn.Variable, List[Any]]) -> np.ndarray:
    """Output channels that the scale behind the layer makes zero."""
    behind = readers.get(layer.function.outputs[0], [])
    none = np.zeros(count, bool)
    if len(behind) != 1 or behind[0] is None:
        return none
    function, type_name = behind[0], behind[0].info.type_name
    if type_name in FOLDABLE and not function.info.args.get("batch_stat"):
        scale = scale_and_shift(function)[0]
    elif type_name == "Mul2" and function.inputs[1].parent is None:
        scale = np.asarray(function.inputs[1].d)
    else:
        return none
    return np.asarray(scale).ravel() == 0 if np.size(scale) == count else none


def _hand_on(
    channels: _Channels, found: Dict[Any, _Channels], readers: Mapping[nn.Variable, List[Any]]
) -> None:
    """Tells the next layer which of its inputs are constant, and this one what that does not read.

    Only where nothing else reads the channels on the way.
    """
    y = channels.layer.function.outputs[0]
    while True:
        behind = readers.get(y, [])
        if len(behind) != 1 or behind[0] is None:
            return
        function = behind[0]
        if function in found and function.inputs[0] == y:
            break
        if not _keeps_apart(function, y):
            return
        y = function.outputs[0]
    following = found[function]
    count = len(channels.zero)
    if len(following.unread) % count:
        return
    # A fully connected layer reads each position of a map.
    each = len(following.unread) // count
    if each > 1 and following.layer.type != "Affine":
        return
    before = np.repeat(channels.zero, each)
    channels.zero = channels.zero | following.unread.reshape(count, each).all(axis=1)
    following.unread = following.unread | before
    if following.layer.type == "DepthwiseConvolution" and len(following.zero) == len(before):
        following.zero = following.zero | before


def _keeps_apart(function: Any, y: nn.Variable) -> bool:
    type_name = function.info.type_name
    if function.inputs[0] != y or len(function.outputs) != 1:
        return False
    if type_name in _OF_CONSTANTS:
        return function.inputs[1].parent is None
    return type_name in _APART or type_name in FOLDABLE or quantizer_of(function) is not None


def _row(channels: _Channels) -> Optional[ZeroChannels]:
    layer = channels.layer
    zero, unread = int(channels.zero.sum()), int(channels.unread.sum())
    if not zero and not unread:
        return None
    kept = 1 - zero / len(channels.zero)
    if layer.type != "DepthwiseConvolution" and channels.group == 1:
        kept *= 1 - unread / len(channels.unread)
    size = int(layer.weight.size)
    return ZeroChannels(
        layer.name,
        *channels.own,
        len(channels.zero),
        len(channels.unread),
        int(round(size * (1 - kept))),
        int(round(layer.macs * (1 - kept))),
    )
