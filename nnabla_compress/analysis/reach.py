# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far the values of a network's maps can reach, found without data (interval arithmetic).

Where each input lies between two bounds, a layer's output lies between::

    W+ low + W- high + b,        W+ high + W- low + b

with W+ the positive and W- the negative weights; a function that never falls, or never rises, takes
bounds to bounds. The bounds hold for whatever comes in, so they widen with each layer: they take
the worst of each input at once.
"""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, NamedTuple, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import FOLDABLE, scale_and_shift
from nnabla_compress.analysis.constant_entries import effective_weights, layer_of, outputs_of
from nnabla_compress.analysis.layers import BIAS
from nnabla_compress.function_types import ACTIVATIONS, LAYERS, MOVES, TRAINING_ONLY
from nnabla_compress.graph.constants import value
from nnabla_compress.graph.rewrite import depending, functions
from nnabla_compress.quantizers.base import has_started, quantizer_of
from nnabla_compress.turns import one_at_a_time

# Room for what float32 rounds on the way, as a part of the largest magnitude.
_ROUNDED = 1e-5
# Functions that are no activation and never fall, or never rise, in any of their inputs.
_MONOTONE = (
    *MOVES,
    *("Broadcast", "Concatenate", "Stack", "Tile", "Pad", "Dropout"),
    *("MaxPooling", "AveragePooling", "SumPooling", "GlobalAveragePooling", "Unpooling"),
    *("Sum", "Mean", "Max", "Min", "Add2", "BcAdd2", "AddN", "Maximum2", "Minimum2"),
    *("MulScalar", "AddScalar", "MinimumScalar", "MaximumScalar", "RSubScalar"),
    *("Round", "Floor", "Ceil", "Sign", "Exp", "Log", "LogSigmoid", "SoftSign"),
)
# These fall and rise.
_BENT = ("Swish", "Mish", "GELU", "PReLU", "CReLU", "CELU")
_BOUNDED = {"Softmax": (0.0, 1.0), "Sin": (-1.0, 1.0), "Cos": (-1.0, 1.0)}


class Reach(NamedTuple):
    """Between what a tensor's entries lie.

    Args:
        low: The least that each can be, float64.
        high: The largest.
    """

    low: np.ndarray
    high: np.ndarray

    @property
    def known(self) -> bool:
        """Whether both are finite everywhere."""
        return bool(np.isfinite(self.low).all() and np.isfinite(self.high).all())


@one_at_a_time
def reach(
    outputs: Sequence[nn.Variable], inputs: Mapping[nn.Variable, Reach]
) -> Dict[nn.Variable, Reach]:
    """Returns between what bounds the tensors lie that depend on a network's inputs, in inference.

    Args:
        outputs: Variables of one graph; quantized weights count as they are quantized.
        inputs: Bounds of the network's inputs; arrays that NumPy broadcasts to their shape.

    Returns:
        Bounds by variable; infinite behind functions of which nothing is known.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 2))
        >>> h = F.relu(PF.affine(x, 1, name="a"))
        >>> nn.get_parameters()["a/affine/W"].d = [[2], [-1]]
        >>> found = reach([h], {x: Reach(np.array(-1.0), np.array(1.0))})[h]
        >>> found.low.tolist(), found.high.round(2).tolist()
        ([[0.0]], [[3.0]])
    """
    weights = effective_weights(outputs)
    found = {
        x: Reach(*(np.broadcast_to(np.asarray(bound, np.float64), x.shape) for bound in bounds))
        for x, bounds in inputs.items()
    }
    data = depending(outputs, list(inputs))
    for function in functions(outputs):
        if not data.intersection(function.inputs):
            continue
        for output, bounds in zip(function.outputs, _passed(function, found, weights)):
            found[output] = bounds
    return found


def _passed(
    function: Any, found: Mapping[nn.Variable, Reach], weights: Mapping[Any, np.ndarray]
) -> List[Reach]:
    type_name, first = function.info.type_name, found.get(function.inputs[0])
    if type_name in _BOUNDED:
        return [_between(v, *_BOUNDED[type_name]) for v in function.outputs]
    taken = [_taken(variable, found) for variable in function.inputs]
    alone = first is not None and not any(v in found for v in function.inputs[1:])
    if alone and first is not None and first.known:
        if type_name in LAYERS:
            return [_layer(function, first, weights[function])]
        if type_name in FOLDABLE:
            scale, shift = scale_and_shift(function)
            return [_of_both(scale * first.low + shift, scale * first.high + shift)]
        if type_name in TRAINING_ONLY:
            return [first]
        if type_name == "Abs":
            largest = np.maximum(-first.low, first.high)
            return [Reach(np.maximum(np.maximum(first.low, -first.high), 0.0), largest)]
    by_node = quantizer_of(function) is not None and first is not None and has_started(function)
    monotone = type_name in _MONOTONE or (type_name in ACTIVATIONS and type_name not in _BENT)
    if type_name == "Sub2" and all(each.known for each in taken):
        one, other = taken
        return [_widened(one.low - other.high, one.high - other.low)]
    if (monotone or by_node) and all(each.known for each in taken):
        ends = [outputs_of(function, [each[end] for each in taken]) for end in (0, 1)]
        rounds = type_name not in MOVES
        return [_of_both(one, other, rounds) for one, other in zip(*ends)]
    return [_between(variable, -np.inf, np.inf) for variable in function.outputs]


def _taken(variable: nn.Variable, found: Mapping[nn.Variable, Reach]) -> Reach:
    if variable in found:
        return found[variable]
    values = value(variable).astype(np.float64)
    return Reach(values, values)


def _layer(function: Any, x: Reach, weight: np.ndarray) -> Reach:
    up, down = np.maximum(weight, 0), np.minimum(weight, 0)
    bias = np.zeros(())
    if len(function.inputs) > BIAS:
        flat = value(function.inputs[BIAS])
        y = function.outputs[0]
        last = function.info.type_name == "Affine" or function.info.args.get("channel_last")
        axis = y.ndim - flat.ndim if last else int(function.info.args["base_axis"]) % y.ndim
        bias = flat.reshape([1] * axis + list(flat.shape) + [1] * (y.ndim - axis - flat.ndim))
    parts = [layer_of(function, end, part) for end, part in _products(x, up, down)]
    return _widened(parts[0] + parts[1] + bias, parts[2] + parts[3] + bias)


def _products(x: Reach, up: np.ndarray, down: np.ndarray) -> Any:
    return ((x.low, up), (x.high, down), (x.high, up), (x.low, down))


def _of_both(one: np.ndarray, other: np.ndarray, rounds: bool = True) -> Reach:
    low, high = np.minimum(one, other), np.maximum(one, other)
    return _widened(low, high) if rounds else Reach(low.astype(np.float64), high.astype(np.float64))


def _widened(low: np.ndarray, high: np.ndarray) -> Reach:
    low, high = np.asarray(low, np.float64), np.asarray(high, np.float64)
    room = _ROUNDED * np.maximum(np.abs(low), np.abs(high))
    # What is exactly 0, as behind a ReLU, stays so.
    return Reach(np.where(low == 0, low, low - room), np.where(high == 0, high, high + room))


def _between(variable: nn.Variable, low: float, high: float) -> Reach:
    return Reach(np.full(variable.shape, low), np.full(variable.shape, high))


def largest_length(bounds: Reach) -> float:
    """Returns the largest Euclidean length of a sample between bounds.

    Args:
        bounds: Of a tensor with samples along its first axis.

    Example:
        >>> round(largest_length(Reach(np.full((1, 2), -1.0), np.ones((1, 2)))), 6)
        1.414214
    """
    largest = np.maximum(np.abs(bounds.low), np.abs(bounds.high))
    return float(np.sqrt(np.square(largest.reshape(len(largest), -1)).sum(axis=1)).max())


def within(low: float, high: float) -> Reach:
    """Returns the bounds of an input whose entries all lie between two numbers.

    Args:
        low: The one.
        high: The other.
    """
    return Reach(np.asarray(low, np.float64), np.asarray(high, np.float64))
