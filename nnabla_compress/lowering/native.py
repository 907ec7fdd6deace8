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
        The new outputs, or the given ones where nothing is constant.

    Example:
        >>> import nnabla.functions as F
        >>> x, w = nn.Variable((2, 3)), nn.Variable((3, 1))
        >>> y, = fold_constants([F.affine(x, F.tanh(w))], [x], {})
        >>> [f.info.type_name for f in functions([y])]
        ['Affine']
    """
    dynamic = set(inputs)

    def is_constant(function: Any, arguments: Sequence[nn.Variable]) -> bool:
        return not function.info.type_name.startswith("Rand") and not any(
            variable in dynamic or variable.parent is not None for variable in arguments
        )

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        if not is_constant(function, arguments):
            return None
        changes = {"inplace": False} if "inplace" in function.info.args else None
        made = clone(function, arguments, changes)
        for variable in made:
            variable.forward()
        name = type_name = function.info.type_name
        if arguments:
            name = names.get(arguments[0].data, arguments[0].name) or type_name
        return [constant(np.array(variable.d), name) for variable in made]

    if not any(is_constant(function, function.inputs) for function in functions(outputs)):
        return list(outputs)
    return rebuild(outputs, replace)


def lower_functions(
    outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable]
) -> List[nn.Variable]:
    """Builds the graph again from functions that small runtimes have, where a rewrite is known.

    Args:
        outputs: Variables of one graph, for inference.
        inputs: The network's inputs.

    Returns:
        The new outputs, or the given ones where nothing is to be written otherwise.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((2, 3))
        >>> y, = lower_functions([F.softmax(F.relu6(x))], [x])
        >>> [f.info.type_name for f in functions([y])]
        ['MaximumScalar', 'MinimumScalar', 'Softmax']
    """
    dynamic = set(inputs)
    order = functions(outputs)
    uses = Counter(variable.data for function in order for variable in function.inputs)

    def is_parameter(variable: nn.Variable) -> bool:
        return variable.parent is None and variable not in dynamic

    def is_known(function: Any) -> bool:
        # Converters transpose a weight of an Affine in place: another reader would get that.
        if function.info.type_name == "Affine":
            return uses[function.inputs[WEIGHT].data] > 1
        return function.info.type_name in (*REWRITES, *REWRITES_OF_PARAMETERS)

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        type_name = function.info.type_name
        if type_name == "Affine" and is_parameter(arguments[WEIGHT]):
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

    made = list(outputs)
    if any(map(is_known, order)):
        made = rebuild(outputs, replace)
        order = functions(made)
    if any(_axes_from_the_front(function, function.inputs) for function in order):
        made = rebuild(made, _with_axes_from_the_front)
    return made


def _with_axes_from_the_front(
    function: Any, inputs: List[nn.Variable]
) -> Optional[List[nn.Variable]]:
    changes = _axes_from_the_front(function, inputs)
    return clone(function, inputs, changes) if changes else None


def _axes_from_the_front(function: Any, inputs: Sequence[nn.Variable]) -> Dict[str, Any]:
    """Returns the arguments that count axes from the end, as they count from the front."""
    args = function.info.args
    changes: Dict[str, Any] = {}
    if not inputs:
        return changes
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
    return changes
