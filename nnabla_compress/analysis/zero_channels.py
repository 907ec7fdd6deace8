# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels that a network computes for nothing: their weights are zero, or nobody reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import FOLDABLE, scale_and_shift
from nnabla_compress.analysis.constant_entries import used_weights
from nnabla_compress.analysis.couplings import Couplings
from nnabla_compress.analysis.idle_channels import idle_channels
from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.graph.inputs import inputs_of
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import consumers


@dataclass(frozen=True)
class ZeroChannels:
    """Channels that a layer computes, or reads, for nothing.

    Args:
        layer: Its name.
        zero: Output channels that are the same whatever comes in: all of their weights are zero,
            or the scale behind them is.
        unread: Input channels that no weight of the layer reads.
        outputs: Number of output channels.
        inputs: Number of input channels.
        weights: Weights of the layer that ``shrink`` takes out, with its own channels and with
            those of the layers before and behind it.
        macs: Multiply-accumulate operations for one sample, likewise.
        stays: Why channels of its own that are constant stay, in words; "" where they go.
    """

    layer: str
    zero: int
    unread: int
    outputs: int
    inputs: int
    weights: int
    macs: int
    stays: str = ""

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


# Of more channels it takes longer to find which go together than to export the network.
_MOST = 1 << 17


@dataclass
class _Own:
    layer: Layer
    zero: int
    unread: int
    outputs: int
    inputs: int


def zero_channels(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> List[ZeroChannels]:
    """Returns the layers with channels that are computed or read for nothing.

    Of a network with more than 131,072 channels it is only counted what each layer has for itself.

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
    own = {
        layer.function: _own(layer, used_weights(layer.function, layer.quantizer), readers)
        for layer in layers(outputs, parameters)
        if not layer.shared and layer.type in _COUNTED
    }
    if not any(found.zero or found.unread for found in own.values()):
        return []
    many = sum(found.outputs + found.inputs for found in own.values())
    if many > _MOST:
        why = f"of {many:,} channels only shrink works out which can go"
        return [
            ZeroChannels(x.layer.name, x.zero, x.unread, x.outputs, x.inputs, 0, 0, why)
            for x in own.values()
            if x.zero or x.unread
        ]
    known = nn.get_parameters(grad_only=False) if parameters is None else parameters
    couplings = Couplings(
        Network(
            {f"x{number}": x for number, x in enumerate(inputs_of(outputs, known))},
            dict(zip(["", *map(str, range(2, len(outputs) + 1))], outputs)),
            paths={variable.data: path for path, variable in known.items()},
        )
    )
    idle = idle_channels(couplings)
    gone = couplings.gone(idle.remove)
    stays = {left.group: left.why for left in idle.left}
    of_layer = {
        maker: stays[group.name]
        for group in couplings.groups
        for maker in group.makers
        if group.name in stays
    }
    rows = []
    for found in own.values():
        layer = found.layer
        kept = 1.0
        for axis, places in couplings.kept(layer.weight, gone).items():
            kept *= len(places) / layer.weight.shape[axis]
        size = int(round(layer.weight.size * (1 - kept)))
        if found.zero or found.unread or size:
            counts = found.zero, found.unread, found.outputs, found.inputs
            macs = int(round(layer.macs * (1 - kept)))
            why = of_layer.get(layer.name, "") if found.zero else ""
            rows.append(ZeroChannels(layer.name, *counts, size, macs, why))
    return rows


_COUNTED = ("Affine", "Convolution", "DepthwiseConvolution")


def _own(layer: Layer, used: np.ndarray, readers: Mapping[nn.Variable, List[Any]]) -> _Own:
    """Counts channels of a layer, whatever the layers around it make of them."""
    args = layer.function.info.args
    if layer.type == "Affine":
        used = used.reshape(used.shape[0], -1)
        unread, zero = ~used.any(axis=1), ~used.any(axis=0)
    elif layer.type == "Convolution":
        axis = used.ndim - 1 if args.get("channel_last") else 1
        zero = ~used.reshape(used.shape[0], -1).any(axis=1)
        others = tuple(a for a in range(used.ndim) if a not in (0, axis))
        reads = used.any(axis=others).reshape(int(args["group"]), -1, used.shape[axis])
        unread = ~reads.any(axis=1).ravel()
    else:
        zero = ~used.reshape(used.shape[0], -1).any(axis=1)
        unread = np.zeros(layer.input_shape[1], bool)
    zero = zero | _scaled_away(layer, len(zero), readers)
    return _Own(layer, int(zero.sum()), int(unread.sum()), len(zero), len(unread))


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
