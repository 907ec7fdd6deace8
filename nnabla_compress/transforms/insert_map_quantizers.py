# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Putting quantizers on the feature maps of a network."""

from __future__ import annotations

from typing import Any, Callable, List, Optional, Sequence

import nnabla as nn

from nnabla_compress.analysis.feature_maps import FeatureMap, activations
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.graph.scopes import usable_scope
from nnabla_compress.quantizers.base import Quantizer
from nnabla_compress.turns import one_at_a_time

Choose = Callable[[FeatureMap], Optional[Quantizer]]


@one_at_a_time
def insert_activation_quantizers(
    outputs: Sequence[nn.Variable], choose: Choose
) -> List[nn.Variable]:
    """Builds the graph again with quantizers behind activation functions.

    The parameters of a quantizer are created in a scope with the name of its map; where they exist
    already, they are used.

    Args:
        outputs: Variables of one graph.
        choose: Returns the quantizer of a map, None to leave it as it is.

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
    return insert_map_quantizers(outputs, activations(outputs), choose)


@one_at_a_time
def insert_map_quantizers(
    outputs: Sequence[nn.Variable], maps: Sequence[FeatureMap], choose: Choose
) -> List[nn.Variable]:
    """Builds the graph again with quantizers on feature maps.

    Args:
        outputs: Variables of one graph.
        maps: Maps of it; the quantizers' parameters are created in scopes of their names.
        choose: Returns the quantizer of a map, None to leave it as it is.

    Returns:
        The new outputs.

    Example:
        >>> import nnabla.functions as F
        >>> from nnabla_compress.graph import functions
        >>> from nnabla_compress.quantizers import Affine
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3))
        >>> maps = [FeatureMap("input", "Input", x)]
        >>> y, = insert_map_quantizers([F.relu(x)], maps, lambda found: Affine(8))
        >>> [f.info.type_name for f in functions([y])]
        ['nnabla_compress.AffineQuantizer', 'ReLU']
    """
    known = {found.variable: found for found in maps}

    def quantized(found: FeatureMap, variable: nn.Variable) -> nn.Variable:
        quantizer = choose(found)
        return variable if quantizer is None else in_scope(quantizer, variable, found.name)

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        if not any(variable in known for variable in function.outputs):
            return None
        return [
            quantized(known[old], new) if old in known else new
            for old, new in zip(function.outputs, clone(function, arguments))
        ]

    leaves = {v: quantized(found, v) for v, found in known.items() if v.parent is None}
    return rebuild(outputs, replace, leaves)


def in_scope(quantizer: Quantizer, x: nn.Variable, name: str) -> nn.Variable:
    """Returns a quantized map, its quantizer's parameters in a scope of its own.

    Args:
        quantizer: The quantizer.
        x: The map.
        name: Its name, from which that of the scope is made.
    """
    with nn.parameter_scope(usable_scope(name)):
        made = quantizer(x)
    node = made.parent
    if node.info.args.get("name", name) == name:
        return made
    # Outside the root scope the quantizer can't know the path.
    return clone(node, node.inputs, {"name": name})[0]
