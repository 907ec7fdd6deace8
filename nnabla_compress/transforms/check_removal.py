# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whether a network without channels computes what the one with them at zero does."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Optional, Sequence

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.couplings import Couplings, parameters_of
from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.quantizers.base import has_started, quantizer_of, shown_type
from nnabla_compress.transforms.faithful import check_faithful
from nnabla_compress.turns import one_at_a_time

# How much another order of sums may change an output, as a part of its largest magnitude.
ROUNDED = 1e-4
_ZEROED = ("output", "input", "scale", "shift")


@one_at_a_time
def check_removal(given: Network, made: Network, remove: Mapping[str, Sequence[int]]) -> None:
    """Compares a network without channels with the given one, these at zero.

    Args:
        given: The network with all channels.
        made: The one without some.
        remove: Channels by the name of their group.

    Raises:
        ConfigError: If a quantizer gives weights that stay other values.
        VerifyError: If they do not compute the same.
    """
    check_quantized(given, made, remove)
    masked = _masked(given, remove)
    check_faithful(masked, made.all_outputs, given.all_inputs, made.all_inputs, ROUNDED)


def _masked(network: Network, remove: Mapping[str, Sequence[int]]) -> List[nn.Variable]:
    """The given graph with all that belongs to channels at zero."""
    couplings = Couplings(network)
    masks: Dict[Any, np.ndarray] = {}
    for group in couplings.groups:
        for member in group.members:
            channels = remove.get(group.name, ()) if member.role in _ZEROED else ()
            for place in [place for channel in channels for place in member.where[channel]]:
                leaf = couplings.parameter(member.parameter)
                values = masks.setdefault(leaf.data, np.array(leaf.d))
                np.moveaxis(values, member.axis, 0)[place] = 0
    gone = couplings.gone(remove)

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        inputs = [
            masks[old.data] if old.parent is None and old.data in masks else new
            for old, new in zip(function.inputs, arguments)
        ]
        inputs = [
            constant(each, "masked/W", old.need_grad) if isinstance(each, np.ndarray) else each
            for old, each in zip(function.inputs, inputs)
        ]
        if function in couplings.labels.selections:
            kept = couplings.kept(function.inputs[0], gone).get(1)
            if kept is not None:
                x = inputs[0]
                mask = np.zeros((1, x.shape[1], *[1] * (x.ndim - 2)), np.float32)
                mask[:, kept] = 1
                inputs[0] = F.mul2(x, constant(mask, "masked/mask", False))
        if all(new == given for new, given in zip(inputs, arguments)):
            return None
        return clone(function, inputs)

    return rebuild(network.all_outputs, replace)


def check_quantized(given: Network, made: Network, remove: Mapping[str, Sequence[int]]) -> None:
    """Compares what quantizers make of the weights that stay, value for value.

    Args:
        given: The network with all channels.
        made: The one without some.
        remove: Channels by the name of their group.

    Raises:
        ConfigError: If a quantizer takes a value from all weights of a layer, also those that went.
    """
    for layer in otherwise_quantized(given, made, remove):
        raise ConfigError(
            f"channels of {layer.name} can't go: {shown_type(layer.quantizer)} would give the "
            "weights that stay other values, as it takes these from all weights.",
            help="remove channels before the network is quantized, or leave those of this layer",
        )


def otherwise_quantized(
    given: Network, made: Network, remove: Mapping[str, Sequence[int]]
) -> List[Layer]:
    """Returns the layers of a network whose quantizers give weights that stay other values.

    Args:
        given: The network with all channels.
        made: The one without some.
        remove: Channels by the name of their group.
    """
    found: List[Layer] = []
    couplings = Couplings(given)
    gone = couplings.gone(remove)
    smaller = {layer.name: layer for layer in layers(made.all_outputs, parameters_of(made))}
    for layer in layers(given.all_outputs, parameters_of(given)):
        after = smaller.get(layer.name)
        if layer.quantizer is None or after is None or after.quantizer is None:
            continue
        if not (has_started(layer.quantizer) and couplings.kept(layer.weight, gone)):
            continue
        values = _quantized(layer.quantizer)
        for axis, places in couplings.kept(layer.weight, gone).items():
            values = np.take(values, places, axis)
        if not np.array_equal(values, _quantized(after.quantizer)):
            found.append(layer)
    return found


def _quantized(node: Any) -> np.ndarray:
    quantizer = quantizer_of(node)
    assert quantizer is not None
    return quantizer.encode(node).decode()
