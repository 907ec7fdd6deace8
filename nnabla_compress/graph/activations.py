# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The feature maps of a network: finding them, naming them, and putting quantizers behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

import nnabla as nn

from nnabla_compress.function_types import ACTIVATIONS, NON_NEGATIVE
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.layers import layers
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.graph.scopes import usable_scope
from nnabla_compress.quantizers.base import Quantizer
from nnabla_compress.turns import one_at_a_time


@dataclass(frozen=True)
class Activation:
    """The output of an activation function.

    Args:
        name: The last layer before it and its type, e.g. ``"conv1/conv/relu"``.
        type: Type of the function, e.g. ``"ReLU"``.
        function: The function of the graph.
    """

    name: str
    type: str
    function: Any

    @property
    def shape(self) -> Tuple[int, ...]:
        """Shape for one sample."""
        return tuple(self.function.outputs[0].shape[1:])

    @property
    def signed(self) -> bool:
        """Whether its values can be negative."""
        return self.type not in NON_NEGATIVE


@one_at_a_time
def activations(outputs: Sequence[nn.Variable]) -> List[Activation]:
    """Returns the activation functions of a graph in the order of execution.

    Args:
        outputs: Variables of one graph.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = F.relu(PF.convolution(nn.Variable((1, 3, 8, 8)), 16, (3, 3), name="c1"))
        >>> [(activation.name, activation.shape) for activation in activations([y])]
        [('c1/conv/relu', (16, 6, 6))]
    """
    names = {layer.function: layer.name for layer in layers(outputs)}
    # The last layer that a variable was computed with, and when that was executed.
    behind: Dict[nn.Variable, Tuple[int, str]] = {}
    found: List[Activation] = []
    taken: Dict[str, int] = {}
    for number, function in enumerate(functions(outputs)):
        last = max((behind.get(v, (-1, "input")) for v in function.inputs), default=(-1, "input"))
        if function in names:
            last = (number, names[function])
        for output in function.outputs:
            behind[output] = last
        type_name = function.info.type_name
        if type_name in ACTIVATIONS:
            name = f"{last[1]}/{type_name.lower()}"
            taken[name] = taken.get(name, 0) + 1
            if taken[name] > 1:
                name = f"{name}_{taken[name]}"
            found.append(Activation(name, type_name, function))
    return found


@one_at_a_time
def insert_activation_quantizers(
    outputs: Sequence[nn.Variable], choose: Callable[[Activation], Optional[Quantizer]]
) -> List[nn.Variable]:
    """Builds the graph again with quantizers behind activation functions.

    The parameters of a quantizer are created in a scope with the name of its activation; where
    they exist already, they are used.

    Args:
        outputs: Variables of one graph.
        choose: Returns the quantizer of an activation, None to leave it as it is.

    Returns:
        The new outputs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import Uniform
        >>> nn.clear_parameters()
        >>> y = F.relu(PF.affine(nn.Variable((1, 8)), 4, name="fc"))
        >>> y, = insert_activation_quantizers([y], lambda activation: Uniform(4, signed=False))
        >>> sorted(name for name in nn.get_parameters() if "relu" in name)
        ['fc/affine/relu/uniform/d', 'fc/affine/relu/uniform/q_max']
    """
    chosen = {activation.function: activation for activation in activations(outputs)}

    def replace(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
        activation = chosen.get(function)
        quantizer = choose(activation) if activation is not None else None
        if activation is None or quantizer is None:
            return None
        return quantize_in_scope(quantizer, clone(function, inputs)[0], activation.name)

    return rebuild(outputs, replace)


def quantize_in_scope(quantizer: Quantizer, x: nn.Variable, name: str) -> nn.Variable:
    """Returns a quantized feature map, its quantizer's parameters in a scope of its own.

    Args:
        quantizer: The quantizer.
        x: The feature map.
        name: What it is called; also the scope, unless a parameter has that name.
    """
    with nn.parameter_scope(usable_scope(name)):
        made = quantizer(x)
    node = made.parent
    if node.info.args.get("name", name) == name:
        return made
    # Outside the root scope the quantizer can't know the path.
    return clone(node, node.inputs, {"name": name})[0]
