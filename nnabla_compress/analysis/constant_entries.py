# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network computes whatever comes in, entry by entry: found without data.

Each tensor has the values that its entries would have for an input of zeros, and whether they can
be others for another input. A layer's output can be another where a weight that is not zero reads
an entry that can; a scale of zero ends that. So padding, strides and shapes count as they do.
"""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import FOLDABLE, scale_and_shift
from nnabla_compress.analysis.layers import BIAS, WEIGHT, layers
from nnabla_compress.function_types import LAYERS, MOVES, TRAINING_ONLY, types_that
from nnabla_compress.functions.quantized_gradient import QuantizedGradient
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import value
from nnabla_compress.graph.rewrite import depending, functions
from nnabla_compress.quantizers.base import has_started, quantizer_of
from nnabla_compress.turns import one_at_a_time

_IDENTITIES = (*TRAINING_ONLY, QuantizedGradient.graph_type(), "Unlink")
_MOVES = (*MOVES, "Broadcast", "Concatenate", "Stack", "Tile", "Pad")
_WINDOWS = (
    *("MaxPooling", "AveragePooling", "SumPooling", "GlobalAveragePooling"),
    *("Unpooling", "Interpolate"),
)
_REDUCTIONS = ("Sum", "Mean", "Max", "Min", "Prod")
_TOGETHER = ("Add2", "BcAdd2", "Sub2", "Mul2", "Div2", "AddN", "Maximum2", "Minimum2", "PReLU")
_EACH = {*types_that(apart=True, normalization=False)} - {*_WINDOWS, *_MOVES, *_TOGETHER}


class Entries(NamedTuple):
    """A tensor's entries.

    Args:
        values: For an input of zeros, float32.
        free: Whether they can be others for another input.
    """

    values: np.ndarray
    free: np.ndarray


@one_at_a_time
def constant_entries(
    outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]
) -> Dict[nn.Variable, Entries]:
    """Returns what is known of all tensors that depend on the network's inputs, in inference.

    Args:
        outputs: Variables of one graph; quantized weights count as they are quantized.
        inputs: The network's inputs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 2))
        >>> h = F.relu(PF.affine(x, 3, name="a"))
        >>> nn.get_parameters()["a/affine/W"].d[:, 1:] = 0
        >>> nn.get_parameters()["a/affine/b"].d = [0, 0.5, -1]
        >>> entries = constant_entries([h], [x])[h]
        >>> entries.values.tolist(), entries.free.tolist()
        ([[0.0, 0.5, 0.0]], [[True, False, False]])
    """
    weights = effective_weights(outputs)
    data = depending(outputs, inputs)
    found = {x: Entries(np.zeros(x.shape, np.float32), np.ones(x.shape, bool)) for x in inputs}
    for function in functions(outputs):
        if not data.intersection(function.inputs):
            continue
        known = [found.get(variable) for variable in function.inputs]
        for output, entries in zip(function.outputs, _computed(function, known, weights)):
            found[output] = entries
    return found


def effective_weights(outputs: Sequence[nn.Variable]) -> Dict[Any, np.ndarray]:
    """Returns the weights that layers compute with, by their function.

    Args:
        outputs: Variables of one graph.
    """
    nodes = {layer.function: layer.quantizer for layer in layers(outputs)}
    return {
        function: effective_weight(function, nodes.get(function))
        for function in functions(outputs)
        if function.info.type_name in LAYERS
    }


def effective_weight(function: Any, node: Optional[Any] = None) -> np.ndarray:
    """Returns the weight that a layer computes with: no copy where that is a parameter.

    Args:
        function: The function of the graph.
        node: The quantizer of its weight, if there is one.
    """
    weight, codes = function.inputs[WEIGHT], _codes(function, node)
    if codes is not None:
        return np.asarray(codes.decode())
    return np.asarray(weight.d) if weight.parent is None else value(weight)


def used_weights(function: Any, node: Optional[Any] = None) -> np.ndarray:
    """Returns where the weight that a layer computes with is not zero.

    Args:
        function: The function of the graph.
        node: The quantizer of its weight, if there is one.
    """
    codes = _codes(function, node)
    if codes is None:
        return np.asarray(effective_weight(function) != 0)
    used = np.empty(codes.shape, bool)
    for rows, part in codes.decoded():
        used[rows] = part != 0
    return used


def _codes(function: Any, node: Optional[Any]) -> Optional[Any]:
    weight = function.inputs[WEIGHT]
    quantizer = None if node is None or node.outputs[0] != weight else quantizer_of(node)
    return None if quantizer is None else quantizer.encode(node)


def layer_of(function: Any, x: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Returns what a layer computes of values, without its bias.

    Args:
        function: The function of the graph.
        x: In the shape of its input.
        weight: In the shape of its weight.
    """
    return outputs_of(function, [x, weight])[0]


def _computed(
    function: Any, known: Sequence[Optional[Entries]], weights: Dict[Any, np.ndarray]
) -> List[Entries]:
    type_name, first = function.info.type_name, known[0]
    nothing = [
        Entries(np.zeros(v.shape, np.float32), np.ones(v.shape, bool)) for v in function.outputs
    ]
    if first is not None and not any(known[1:]):
        if type_name in LAYERS:
            return [_layer(function, first, weights[function])]
        if type_name in FOLDABLE:
            scale, shift = scale_and_shift(function)
            values = (scale * first.values + shift).astype(np.float32)
            return [Entries(values, first.free & (scale != 0)), *nothing[1:]]
        if type_name in _IDENTITIES:
            return [first]
    # A quantizer that has seen nothing yet must not start from these values.
    by_node = quantizer_of(function) is not None and first is not None and has_started(function)
    if not by_node and type_name not in {*_MOVES, *_WINDOWS, *_REDUCTIONS, *_TOGETHER, *_EACH}:
        return nothing
    values = [
        value(v).astype(np.float32) if each is None else each.values
        for each, v in zip(known, function.inputs)
    ]
    free = [
        np.zeros(v.shape, bool) if each is None else each.free
        for each, v in zip(known, function.inputs)
    ]
    return [
        Entries(made, freed)
        for made, freed in zip(outputs_of(function, values), _freed(function, values, free))
    ]


def _layer(function: Any, x: Entries, weight: np.ndarray) -> Entries:
    values = outputs_of(function, [x.values, weight, *map(value, function.inputs[BIAS:])])[0]
    reached = layer_of(function, x.free.astype(np.float32), (weight != 0).astype(np.float32))
    return Entries(values, reached > 0.5)


def _freed(
    function: Any, values: Sequence[np.ndarray], free: Sequence[np.ndarray]
) -> List[np.ndarray]:
    """Which entries of what a function computes depend on entries that can be others."""
    type_name, args = function.info.type_name, function.info.args
    if type_name in (*_MOVES, *_WINDOWS):
        changes = {"constant_value": 0.0} if type_name == "Pad" else {}
        return [
            made > 0
            for made in outputs_of(function, [part.astype(np.float32) for part in free], changes)
        ]
    if type_name in _REDUCTIONS:
        axes = tuple(axis % free[0].ndim for axis in args["axes"])
        return [
            free[0]
            .any(axis=axes, keepdims=bool(args["keep_dims"]))
            .reshape(function.outputs[0].shape)
        ]
    if type_name == "Mul2":
        # What is zero whatever comes in stays so, by what it may be multiplied.
        one, other = (part | (of != 0) for part, of in zip(free, values))
        return [(free[0] & other) | (free[1] & one)]
    shape = function.outputs[0].shape
    parts = [part for part in free if part.any()]
    return [
        np.broadcast_to(
            np.logical_or.reduce(np.broadcast_arrays(np.zeros(shape, bool), *parts)), shape
        )
    ]


def outputs_of(
    function: Any, values: Sequence[np.ndarray], changes: Optional[Dict[str, Any]] = None
) -> List[np.ndarray]:
    """Returns what a function computes of values.

    Args:
        function: The function of the graph.
        values: One array for each of its inputs.
        changes: Arguments that it gets in the place of its own.
    """
    inputs = [nn.Variable.from_numpy_array(np.asarray(each, np.float32)) for each in values]
    with nn.auto_forward(False):
        made = clone(function, inputs, changes)
    nn.forward_all(made)
    return [np.array(output.d) for output in made]
