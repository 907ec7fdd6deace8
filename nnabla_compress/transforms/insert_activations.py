# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Putting quantizers behind the feature maps of a network."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence

import nnabla as nn

from nnabla_compress.analysis.activations import Activation, activations
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.graph.scopes import usable_scope
from nnabla_compress.quantizers.base import Quantizer
from nnabla_compress.turns import one_at_a_time


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
