# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rewriting functions that small runtimes lack into functions that they have.

Every rewrite computes the same values up to the order of float32 additions.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import Any, Callable, Collection, Dict, List, Mapping, Optional, Sequence

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.layers import WEIGHT
from nnabla_compress.graph.rewrite import functions, rebuild

Rewrite = Callable[[Any, List[nn.Variable]], Optional[nn.Variable]]


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
        rewrite = _REWRITES.get(type_name)
        made = None if rewrite is None else rewrite(function, arguments)
        return None if made is None else [made]

    return rebuild(rebuild(outputs, replace), _axes_from_the_front)


def _global_average_pooling(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    x = inputs[0]
    return F.average_pooling(x, x.shape[2:]) if x.ndim == 4 else None


def _mean(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    x = inputs[0]
    axes = sorted(axis % x.ndim for axis in function.info.args["axes"])
    if 0 in axes:  # the mean over the batch depends on its size
        return None
    count = int(np.prod([x.shape[axis] for axis in axes]))
    total = F.sum(x, axis=axes, keepdims=function.info.args["keep_dims"])
    return F.mul_scalar(total, 1.0 / count)


def _clip(low: float, high: float) -> Rewrite:
    def rewrite(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
        return F.minimum_scalar(F.maximum_scalar(inputs[0], low), high)

    return rewrite


def _hard_sigmoid(function: Any, inputs: List[nn.Variable]) -> nn.Variable:
    line = F.add_scalar(F.mul_scalar(inputs[0], 0.2), 0.5)
    return F.minimum_scalar(F.maximum_scalar(line, 0.0), 1.0)


def _drop(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    return inputs[0] if inputs[0].parent is not None else None


def _chain(combine: Callable[[nn.Variable, nn.Variable], nn.Variable]) -> Rewrite:
    return lambda function, inputs: reduce(combine, inputs)


_REWRITES: Dict[str, Rewrite] = {
    "GlobalAveragePooling": _global_average_pooling,
    "Mean": _mean,
    "ReLU6": _clip(0.0, 6.0),
    "HardTanh": _clip(-1.0, 1.0),
    "HardSigmoid": _hard_sigmoid,
    "AddN": _chain(F.add2),
    "MulN": _chain(F.mul2),
    "BcAdd2": _chain(F.add2),
    "Identity": _drop,
}


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
