# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Neurons ``f(w x + b)`` whose weights can have any length: that of w is somebody else's business.

Of a ReLU, ``f(s z) = s f(z)`` for s > 0: the layer behind takes the length over. Of a function that
asks for the sign only, ``f(s z) = f(z)``: the length means nothing.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, List, Mapping, Optional, Sequence

import nnabla as nn

from nnabla_compress.analysis.channel_pairs import Pair, lets_pass, pairs
from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.function_types import BINARY, FORWARD_LAYERS
from nnabla_compress.graph.rewrite import consumers, functions
from nnabla_compress.turns import one_at_a_time

_SIGNS = (*BINARY, "Sign")


@dataclass(frozen=True)
class Neurons:
    """The neurons of a layer.

    Args:
        layer: The layer.
        pair: It and the layer behind that takes lengths over; None where signs are all that counts.
        activation: The function of the graph that makes neurons of it, a ReLU or one of signs; None
            where there is none, or another one that lets lengths pass.
    """

    layer: Layer
    pair: Optional[Pair] = None
    activation: Optional[Any] = None

    @property
    def binary(self) -> bool:
        """Whether only signs count."""
        return self.pair is None


@one_at_a_time
def neurons(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> List[Neurons]:
    """Returns the layers whose weights can have any length, in the order of execution.

    Args:
        outputs: Variables of one graph, batch normalizations folded, without quantizers.
        parameters: Parameters by path, to name the layers; by default those of the current scope.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.affine(nn.Variable((1, 4)), 8, name="a"))
        >>> h = F.binary_tanh(PF.affine(h, 8, name="b"))
        >>> found = neurons([PF.affine(h, 2, name="c")])
        >>> [(each.layer.name, each.binary) for each in found]
        [('a/affine', False), ('b/affine', True)]
    """
    every = layers(outputs, parameters)
    by_function = {layer.function: layer for layer in every}
    by_pair = {pair.first.function: pair for pair in pairs(outputs)}
    readers = consumers(outputs)
    uses = Counter(v.data for f in functions(outputs) for v in f.inputs)
    found: List[Neurons] = []
    for function, layer in by_function.items():
        pair = by_pair.get(function)
        if pair is not None:
            named = Pair(layer, by_function[pair.second.function], pair.channels, pair.between)
            found.append(Neurons(layer, named, _rectifier(pair)))
            continue
        own = [v for v in (layer.weight, layer.bias) if v is not None]
        alone = all(v.parent is None and uses[v.data] == 1 for v in own)
        plain = not (layer.computed_by or layer.quantizer is not None)
        if layer.type in FORWARD_LAYERS and alone and plain and layer.direct:
            sign = _sign_behind(function, readers)
            if sign is not None:
                found.append(Neurons(layer, None, sign))
    return found


def _rectifier(pair: Pair) -> Optional[Any]:
    for function in pair.between:
        if function.info.type_name in ("ReLU", "MaximumScalar"):
            return function
    return None


def _sign_behind(function: Any, readers: Mapping[nn.Variable, List[Any]]) -> Optional[Any]:
    """The function of signs that reads a layer, with nothing between but what lets factors pass."""
    variable = function.outputs[0]
    while True:
        behind = readers.get(variable, [])
        if len(behind) != 1 or behind[0] is None:
            return None
        if behind[0].info.type_name in _SIGNS:
            return behind[0]
        if not lets_pass(behind[0]) or behind[0].inputs[0] != variable:
            return None
        variable = behind[0].outputs[0]
