# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Preparing a graph for small runtimes: constants computed, missing functions rewritten.

What is rewritten computes the same values up to the order of float32 additions.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.lowering.rewrites import REWRITES, REWRITES_OF_PARAMETERS


def fold_constants(
    outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable], names: Mapping[Any, str]
) -> List[nn.Variable]:
    """Builds the graph again with what depends on parameters only computed once.

    Args:
        outputs: Variables of one graph.
        inputs: The network's inputs.
        names: Paths of parameters by their array. A constant takes the path of the first
            parameter that it is computed from.

    Returns:
        The new outputs.

    Example:
        >>> import nnabla.functions as F
        >>> x, w = nn.Variable((2, 3)), nn.Variable((3, 1))
        >>> y, = fold_constants([F.affine(x, F.tanh(w))], [x], {})
        >>> [f.info.type_name for f in functions([y])]
        ['Affine']
    """
    dynamic = set(inputs)

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        type_name = function.info.type_name
        if type_name.startswith("Rand"):
            return None
        if any(variable.parent is not None or variable in dynamic for variable in arguments):
            return None
        changes = {"inplace": False} if "inplace" in function.info.args else None
        made = clone(function, arguments, changes)
        for variable in made:
            variable.forward()
        name = type_name
        if arguments:
            name = names.get(arguments[0].data, arguments[0].name) or type_name
        return [constant(np.array(variable.d), name) for variable in made]

    return rebuild(outputs, replace)


def lower_functions(
    outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable]
) -> List[nn.Variable]:
    """Builds the graph again from functions that small runtimes have, where a rewrite is known.

    Args:
        outputs: Variables of one graph, for inference.
        inputs: The network's inputs.

    Returns:
        The new outputs.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((2, 3))
        >>> y, = lower_functions([F.softmax(F.relu6(x))], [x])
        >>> [f.info.type_name for f in functions([y])]
        ['MaximumScalar', 'MinimumScalar', 'Softmax']
    """
    dynamic = set(inputs)
    uses = Counter(variable.data for function in functions(outputs) for variable in function.inputs)

    def is_parameter(variable: nn.Variable) -> bool:
        return variable.parent is None and variable not in dynamic

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        type_name = function.info.type_name
        if type_name == "Affine" and is_parameter(arguments[WEIGHT]):
            # Converters transpose the weight in place: another reader would get it transposed.
            weight = arguments[WEIGHT]
            if uses[weight.data] == 1:
                return None
            arguments[WEIGHT] = constant(np.array(weight.d), weight.name)
            return clone(function, arguments)
        made = None
        if type_name in REWRITES:
            made = REWRITES[type_name](function, arguments)
        elif type_name in REWRITES_OF_PARAMETERS:
            made = REWRITES_OF_PARAMETERS[type_name](function, arguments, is_parameter)
        return None if made is None else [made]

    return rebuild(rebuild(outputs, replace), _axes_from_the_front)


def _axes_from_the_front(function: Any, inputs: List[nn.Variable]) -> Optional[List[nn.Variable]]:
    """Returns a copy of a function with axes counted from the front, None if they all are."""
    args = function.info.args
    changes: Dict[str, Any] = {}
    if not inputs:
        return None
    # Stack's axis is one of the output.
    ndim = inputs[0].ndim + (function.info.type_name == "Stack")
    if "axis" in args and args["axis"] < 0:
        changes["axis"] = args["axis"] + ndim
    if "axes" in args and any(axis < 0 for axis in args["axes"]):
        changes["axes"] = [axis % ndim for axis in args["axes"]]
    if function.info.type_name == "Slice" and any(start < 0 for start in args["start"]):
        sizes = inputs[0].shape[-len(args["start"]) :]
        changes["start"] = [
            start + size if start < 0 else start for start, size in zip(args["start"], sizes)
        ]
    return clone(function, inputs, changes) if changes else None
