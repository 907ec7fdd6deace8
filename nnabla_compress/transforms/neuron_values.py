# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What changes of the weights and thresholds of neurons, as arrays, so that a network stays itself.

With unit i of a layer ``f(w_i x + b_i)`` and the weights ``v_i`` that read it:

* its length moves on: ``w_i / s, b_i / s, s v_i`` with s = |w_i| (a ReLU); where only the sign
  counts, ``w_i / s, b_i / s`` and nothing else;
* a unit that is always on is linear: ``f(w x + b) = f(w x + b - c) + c`` as long as ``w x + b - c``
  is never negative; ``c v_i`` goes to the bias behind;
* many of them are a matrix, ``sum v_i (w_i x + b_i)``, and as many units as its rank do.
"""

from __future__ import annotations

from typing import Any, Dict, NamedTuple, Optional, Sequence

import numpy as np

from nnabla_compress.analysis.channel_pairs import by_input, by_output
from nnabla_compress.analysis.neurons import Neurons
from nnabla_compress.analysis.reach import Reach

Arrays = Dict[Any, np.ndarray]


def lengths(each: Neurons, arrays: Arrays) -> np.ndarray:
    """Returns the length of each unit's weights, (units,).

    Args:
        each: The neurons.
        arrays: Values of parameters by their array.
    """
    rows = by_output(each.layer, arrays[each.layer.weight.data])
    return np.sqrt(np.square(rows).sum(axis=1))


def normalize(each: Neurons, arrays: Arrays) -> None:
    """Makes the weights of each unit one of length 1; units of zeros stay.

    Args:
        each: The neurons.
        arrays: Values of parameters by their array, contiguous float64; they change.
    """
    factors = lengths(each, arrays)
    factors = np.where(factors > 0, factors, 1.0)
    if each.pair is not None:
        each.pair.scale(factors, arrays)
        return
    rows = by_output(each.layer, arrays[each.layer.weight.data])
    np.divide(rows, factors[:, None], out=rows)
    if each.layer.bias is not None:
        bias = arrays[each.layer.bias.data]
        arrays[each.layer.bias.data] = bias / factors.reshape(bias.shape)


def silence(each: Neurons, units: Sequence[int], arrays: Arrays, state: float = 0.0) -> None:
    """Makes units constant: no weights any more, and a threshold that decides.

    Args:
        each: The neurons.
        units: Which.
        arrays: As of :func:`normalize`.
        state: What their bias becomes.
    """
    by_output(each.layer, arrays[each.layer.weight.data])[list(units)] = 0
    if each.layer.bias is not None:
        bias = arrays[each.layer.bias.data].copy()
        bias.reshape(-1)[list(units)] = state
        arrays[each.layer.bias.data] = bias


def can_move(each: Neurons) -> bool:
    """Returns whether a constant of a unit reaches the bias of the layer behind as one constant.

    Args:
        each: The neurons.
    """
    if each.pair is None or each.layer.bias is None or each.pair.second.bias is None:
        return False
    for function in each.pair.between:
        args, type_name = function.info.args, function.info.type_name
        if type_name not in _HAND_ON or any(args.get("pad") or ()):
            return False
    return not any(each.pair.second.function.info.args.get("pad") or ())


_HAND_ON = (
    *("ReLU", "MaximumScalar", "MaxPooling", "AveragePooling", "GlobalAveragePooling"),
    *("Reshape", "Identity", "Dropout"),
)


def move_on(each: Neurons, units: Sequence[int], amounts: Sequence[float], arrays: Arrays) -> None:
    """Lowers the thresholds of units that are always on, and gives the layer behind the rest.

    Args:
        each: The neurons, of which :func:`can_move` holds.
        units: Which.
        amounts: How much their biases become less.
        arrays: As of :func:`normalize`.
    """
    assert each.pair is not None
    less = np.zeros(each.pair.channels)
    less[list(units)] = amounts
    _add_to_bias(each.layer.bias, -less, arrays)
    second = each.pair.second
    into = by_input(second, arrays[second.weight.data], each.pair.channels)
    groups, outputs, inputs, _ = into.shape
    if second.type == "Affine":
        # Several inputs in a row may belong to a channel: a flattened map.
        of_channels = into.reshape(len(less), -1, int(np.prod(second.shape[1:]))).sum(axis=1)
        shift = less @ of_channels
    else:
        by_group = less.reshape(groups, inputs)
        shift = np.einsum("gi,goir->go", by_group, into).reshape(groups * outputs)
    _add_to_bias(second.bias, shift, arrays)


def can_merge(each: Neurons) -> bool:
    """Returns whether units that are always on can be written as fewer.

    Args:
        each: The neurons.
    """
    return (
        can_move(each)
        and each.pair is not None
        and each.layer.type == each.pair.second.type == "Affine"
        and each.layer.weight.ndim == each.pair.second.weight.ndim == 2
        and each.pair.second.weight.shape[0] == each.pair.channels
    )


class Merged(NamedTuple):
    """Units that take the place of others that are always on.

    Args:
        weights: Theirs, of length 1, (inputs, units).
        readers: The weights that read them, (units, outputs).
    """

    weights: np.ndarray
    readers: np.ndarray


def merged(each: Neurons, units: Sequence[int], arrays: Arrays) -> Merged:
    """Returns as many units as the matrix has directions that some others are together.

    Args:
        each: The neurons, of which :func:`can_merge` holds.
        units: Those that are always on.
        arrays: As of :func:`normalize`.
    """
    assert each.pair is not None
    w = arrays[each.layer.weight.data][:, list(units)]
    v = arrays[each.pair.second.weight.data][list(units)]
    count = min(len(units), w.shape[0], v.shape[1])
    left, values, right = np.linalg.svd(w @ v, full_matrices=False)
    return Merged(left[:, :count], values[:count, None] * right[:count])


def merge(each: Neurons, units: Sequence[int], thresholds: Sequence[float], arrays: Arrays) -> None:
    """Writes units that are always on as fewer; the others become zeros.

    Args:
        each: The neurons.
        units: Those that are always on; the first of them are used.
        thresholds: The biases of those that stay.
        arrays: As of :func:`normalize`.
    """
    assert each.pair is not None and each.layer.bias is not None
    made, places = merged(each, units, arrays), list(units)
    w, v = arrays[each.layer.weight.data], arrays[each.pair.second.weight.data]
    bias = arrays[each.layer.bias.data].copy()
    constant = bias.reshape(-1)[places] @ v[places]
    stay = places[: len(thresholds)]
    constant -= np.asarray(thresholds) @ made.readers
    w[:, places], v[places] = 0, 0
    bias.reshape(-1)[places] = 0
    w[:, stay], v[stay] = made.weights, made.readers
    bias.reshape(-1)[stay] = thresholds
    arrays[each.layer.bias.data] = bias
    _add_to_bias(each.pair.second.bias, constant, arrays)


def always_on_from(weights: np.ndarray, inputs: Reach) -> np.ndarray:
    """Returns the least biases with which units are always on, (units,).

    Args:
        weights: (inputs, units).
        inputs: Bounds of what they read.
    """
    low, high = (np.asarray(end).reshape(len(end), -1) for end in inputs)
    least = low.min(axis=0) @ np.maximum(weights, 0) + high.max(axis=0) @ np.minimum(weights, 0)
    return np.asarray(-least)


def _add_to_bias(bias: Optional[Any], amounts: np.ndarray, arrays: Arrays) -> None:
    assert bias is not None
    values = arrays[bias.data]
    arrays[bias.data] = values + amounts.reshape(values.shape)
