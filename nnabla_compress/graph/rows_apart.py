# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whether a graph computes each row of its inputs by itself, as its functions alone tell.

A yes is certain, and needs no run. A no only says that there is a function of which this is not
known from its arguments.
"""

from __future__ import annotations

from typing import Any, Dict, Sequence

import nnabla as nn

from nnabla_compress.function_types import ACTIVATIONS, LAYERS, NORMALIZATIONS
from nnabla_compress.graph.rewrite import functions

_POOLING = ("MaxPooling", "AveragePooling", "SumPooling")
_SCALAR = ("AddScalar", "MulScalar", "PowScalar", "MinimumScalar", "MaximumScalar")
_BY_ELEMENT = (*ACTIVATIONS, *_SCALAR, "Identity", "Abs", "Exp", "Round", "Sign")
_OF_TWO = ("Add2", "Sub2", "Mul2", "Div2", "Minimum2", "Maximum2")
_OF_AN_AXIS = ("Softmax", "LogSoftmax", "Concatenate")


def rows_apart(inputs: Sequence[nn.Variable], outputs: Sequence[nn.Variable]) -> bool:
    """Returns whether each row of the outputs surely depends on the same row of the inputs only.

    Args:
        inputs: The graph's inputs, a row a sample.
        outputs: Its outputs.

    Example:
        >>> import nnabla.functions as F
        >>> x = nn.Variable((3, 4, 5))
        >>> rows_apart([x], [F.sigmoid(F.relu(x))])
        True
        >>> rows_apart([x], [F.transpose(x, (1, 0, 2))])
        False
    """
    if not inputs or any(not v.ndim or v.shape[0] != inputs[0].shape[0] for v in inputs):
        return False
    rows, moving = inputs[0].shape[0], set(inputs)
    for function in functions(outputs, stop=list(inputs)):
        if not moving.intersection(function.inputs):
            continue
        if not _keeps_rows(function, moving):
            return False
        if any(not y.ndim or y.shape[0] != rows for y in function.outputs):
            return False
        moving.update(function.outputs)
    return moving.issuperset(outputs)


def same_for_each_row(
    inputs: Sequence[nn.Variable],
    outputs: Sequence[nn.Variable],
    other_inputs: Sequence[nn.Variable],
    other_outputs: Sequence[nn.Variable],
) -> bool:
    """Returns whether two graphs for different numbers of rows surely compute each row alike.

    Args:
        inputs: Inputs of the one graph.
        outputs: Its outputs.
        other_inputs: The same inputs of the other one.
        other_outputs: Its outputs.

    Example:
        >>> import nnabla.functions as F
        >>> x, z = nn.Variable((1, 2)), nn.Variable((5, 2))
        >>> same_for_each_row([x], [F.abs(x)], [z], [F.abs(z)])
        True
        >>> same_for_each_row([x], [F.softmax(x)], [z], [F.softmax(z, axis=0)])
        False
    """
    if not (rows_apart(inputs, outputs) and rows_apart(other_inputs, other_outputs)):
        return False
    order, other_order = functions(outputs), functions(other_outputs)
    if len(order) != len(other_order) or len(inputs) != len(other_inputs):
        return False
    place: Dict[nn.Variable, nn.Variable] = dict(zip(inputs, other_inputs))
    for function, other in zip(order, other_order):
        if not _alike(function, other) or len(function.inputs) != len(other.inputs):
            return False
        for variable, read in zip(function.inputs, other.inputs):
            known = place.get(variable)
            if known is not None and known != read:
                return False
            if known is None and (read.parent is not None or variable.data != read.data):
                return False
        place.update(zip(function.outputs, other.outputs))
    same = all(place[y].shape[1:] == y.shape[1:] for y in place)
    return same and [place.get(y) for y in outputs] == list(other_outputs)


def _alike(function: Any, other: Any) -> bool:
    """Whether two functions do the same, apart from how many rows they have."""
    if function.info.type_name != other.info.type_name:
        return False
    # Outputs tell the shape of a Reshape.
    return function.info.type_name == "Reshape" or repr(function.info.args) == repr(other.info.args)


def _keeps_rows(function: Any, moving: Any) -> bool:
    """Whether a function surely leaves rows apart."""
    type_name, args = function.info.type_name, function.info.args
    x, others = function.inputs[0], function.inputs[1:]
    if type_name in _OF_TWO:
        axes = function.outputs[0].ndim
        # Of fewer axes it is repeated along the rows; if rows were its own, along others.
        return all(
            v.ndim == axes and (v in moving or v.shape[0] == 1) or v.ndim < axes and v not in moving
            for v in function.inputs
        )
    if type_name == "Concatenate":
        return moving.issuperset(function.inputs) and args["axis"] % x.ndim > 0
    if x not in moving or moving.intersection(others):
        return False
    if type_name in LAYERS:
        return bool(args["base_axis"] % x.ndim > 0)
    if type_name in NORMALIZATIONS:
        return not args["batch_stat"] and 0 not in [axis % x.ndim for axis in args["axes"]]
    if type_name in _POOLING:
        # A channel-last image has its channels behind it.
        return len(args["kernel"]) + bool(args["channel_last"]) < x.ndim
    if type_name == "Pad":
        return len(args["pad_width"]) < 2 * x.ndim  # two of each axis, the last ones
    if type_name in _OF_AN_AXIS:
        return bool(args["axis"] % x.ndim > 0)
    if type_name == "Transpose":
        return bool(args["axes"][0] == 0)
    return type_name == "Reshape" or type_name in _BY_ELEMENT
