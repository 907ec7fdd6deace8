# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The feature maps of a network that activation functions make: finding and naming them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Sequence, Tuple

import nnabla as nn

from nnabla_compress.analysis.layers import layers
from nnabla_compress.function_types import ACTIVATIONS, NON_NEGATIVE
from nnabla_compress.graph.rewrite import functions
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
