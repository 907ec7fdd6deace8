# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights as the quantizers that a network came with leave them, as parameters of their own."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

import nnabla as nn
import numpy as np
from nnabla.parameter import get_parameter, get_parameter_or_create, pop_parameter

from nnabla_compress.analysis.layers import parameter_names
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.graph.scopes import usable_scope
from nnabla_compress.names import ascii_name
from nnabla_compress.quantizers.base import is_given, quantizer_of

SETTLED = "W_q"
"""Name of the parameter that holds such weights, beside W."""


def settled_values(node: Any) -> np.ndarray:
    """Returns what a quantizer's node makes of its weight.

    Args:
        node: The node.
    """
    quantizer = quantizer_of(node)
    assert quantizer is not None
    return quantizer.encode(node).decode()


def settled_parameter(node: Any, layer: str) -> nn.Variable:
    """Returns a parameter that starts with what a quantizer's node makes of its weight.

    It is made in the scope of the layer, or used where it exists, as after loading a checkpoint.
    One without a gradient is not: NNabla's layers keep their weights of some forward pass there.

    Args:
        node: The node.
        layer: Name of the layer.
    """
    with nn.parameter_scope(usable_scope(layer)):
        shape = tuple(node.inputs[0].shape)
        kept = get_parameter(SETTLED)
        if kept is not None and not kept.need_grad:
            pop_parameter(SETTLED)
        made = get_parameter_or_create(SETTLED, shape, settled_values(node))
    made.name = ascii_name(f"{layer}/{SETTLED}")  # also known where the scope forgets it
    return made


def settled(outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
    """Builds a graph again without the quantizers that it came with.

    The weights are new parameters, in no scope, that hold what these quantizers made of them.

    Args:
        outputs: Variables of one graph.

    Returns:
        The new outputs, or the given ones where there is no such quantizer.

    Example:
        >>> from nnabla_compress.quantizers import BinaryConnect
        >>> w = nn.Variable.from_numpy_array(np.float32([[0.5], [-2]]))
        >>> y = nn.functions.affine(nn.Variable((1, 2)), BinaryConnect().on(w, (), "", given=True))
        >>> settled([y])[0].parent.inputs[1].d.tolist()
        [[1.0], [-1.0]]
    """
    if not any(is_given(function) for function in functions(outputs)):
        return list(outputs)
    names = parameter_names(outputs)

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        if not is_given(function):
            return None
        weight = function.inputs[0]
        return constant(settled_values(function), names.get(weight.data, weight.name))

    return rebuild(outputs, replace)
