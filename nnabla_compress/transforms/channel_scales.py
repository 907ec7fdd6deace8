# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Scales of the channels between two layers with which quantization adds the least noise.

Channel i holds values up to R_i in magnitude, with mean square m_i; the second layer multiplies it
by the weights w_oi. Divided by s_i it is stored in steps of ``D = max(R / s) / levels``, weights in
steps of d. A step d adds noise of the power d^2 / 12, so that output o of the second layer gets::

    from the map:            D^2 sum_i s_i^2 sum w_oi^2
    from its own weights:    d_o^2 sum_i m_i / s_i^2,      d_o = max_i |w_oi| s_i / levels
    from the first layer's:  d_1^2 sum_i s_i^2 e_i sum w_oi^2

each divided by its mean square. d_o is one for all outputs where a weight has a single scale; where
each output has its own, the first layer's weights don't change with s. e_i is the energy of what
the weights of channel i multiply. Of the scales ``R^a / r^b``, with r_i the largest of the weights
|w_oi|, those with the least sum are taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Collection, Dict, Mapping, Sequence, Set

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.channel_pairs import Pair, by_input, by_output
from nnabla_compress.analysis.channel_statistics import ChannelStatistics
from nnabla_compress.analysis.layers import Layer
from nnabla_compress.graph.constants import held_value

_EXPONENTS = np.arange(0, 1.01, 0.125)
_LEAST = 1e-6  # of the largest: what is smaller counts as this
_MOST = 2.0**12
_AT_ONCE = 1 << 18  # numbers
_LARGE = 1 << 22  # numbers


@dataclass(frozen=True)
class Levels:
    """Largest codes.

    Args:
        weights: Of a layer's weights; infinity where they stay float.
        maps: Of what lies between the layers.
        per_channel: Whether weights have a scale for each output channel.
    """

    weights: Callable[[Layer], float]
    maps: float
    per_channel: bool = True


class Loaded(Dict[Any, np.ndarray]):
    """Values of parameters by their array, from when they are first asked for.

    They are float64, but for those of large parameters, which stay float32.

    Args:
        variables: The parameters by their array.
        own: Arrays that may be written to: large ones are handed out themselves, not as a copy.

    Example:
        >>> x = nn.Variable.from_numpy_array(np.float32([1, 2]))
        >>> arrays = Loaded({x.data: x})
        >>> len(arrays), arrays[x.data].tolist(), len(arrays)
        (0, [1.0, 2.0], 1)
    """

    def __init__(
        self, variables: Mapping[Any, nn.Variable], own: Collection[Any] = frozenset()
    ) -> None:
        super().__init__()
        self._variables, self._own = variables, own

    def __missing__(self, data: Any) -> np.ndarray:
        variable = self._variables[data]
        # Parameters hold whole numbers where somebody gave them some.
        if self.in_place(data):
            self[data] = found = variable.d
        else:
            kind = np.float64 if variable.size <= _LARGE else np.float32
            self[data] = found = np.array(held_value(variable), kind, order="C")
        return found

    def in_place(self, data: Any) -> bool:
        """Returns whether what is done to the values of a parameter is done to itself."""
        return data in self._own and self._variables[data].size > _LARGE


def needed(pairs: Sequence[Pair]) -> Set[nn.Variable]:
    """Returns the variables whose statistics :func:`scale_pairs` needs.

    Args:
        pairs: As :func:`nnabla_compress.analysis.channel_pairs.pairs` returns them.
    """
    return {
        variable
        for pair in pairs
        for function in (pair.first.function, pair.second.function)
        for variable in (function.inputs[0], function.outputs[0])
    }


def scale_pairs(
    pairs: Sequence[Pair],
    statistics: Mapping[nn.Variable, ChannelStatistics],
    arrays: Dict[Any, np.ndarray],
    levels: Levels,
    settled: Callable[[Any], None] = lambda data: None,
) -> None:
    """Scales the channels of all pairs for the least noise.

    Args:
        pairs: In the order of execution.
        statistics: Of the variables that :func:`needed` names.
        arrays: Values of the pairs' parameters by their array; they change.
        levels: Largest codes.
        settled: Called with the array of each parameter that no further pair reads or changes; its
            values may then be dropped.
    """
    energy = {variable: found.square for variable, found in statistics.items()}
    last = {v.data: number for number, pair in enumerate(pairs) for v in pair.parameters()}
    for number, pair in enumerate(pairs):
        s = channel_scales(pair, statistics, energy, arrays, levels)
        pair.scale(s, arrays)
        middle = pair.second.function.inputs[0]
        energy[middle] = energy[middle] / np.square(_of_inputs(s, len(energy[middle])))
        for data, end in last.items():
            if end == number:
                settled(data)


def channel_scales(
    pair: Pair,
    statistics: Mapping[nn.Variable, ChannelStatistics],
    energy: Mapping[nn.Variable, np.ndarray],
    arrays: Mapping[Any, np.ndarray],
    levels: Levels,
) -> np.ndarray:
    """Returns the factors by which the channels of one pair are best divided.

    Args:
        pair: The pair.
        statistics: Of the original network.
        energy: Mean squares of the layers' inputs, as scaled so far.
        arrays: Values of the parameters, as scaled so far.
        levels: Largest codes.
    """
    middle, y = pair.second.function.inputs[0], pair.second.function.outputs[0]
    found = statistics[middle]
    reach = found.largest.reshape(pair.channels, -1).max(axis=1).astype(np.float64)
    square = found.square.reshape(pair.channels, -1).mean(axis=1)
    weights = _by_output_and_channel(pair.second, arrays[pair.second.weight.data], pair.channels)
    importance = 1 / _at_least(statistics[y].square.astype(np.float64))
    importance = np.resize(importance, len(weights))
    power = _power(weights)
    peak = _largest(weights, 2)
    of_channel = peak.max(axis=0)
    alive = (reach > 0) & (of_channel > 0)
    if not alive.any():
        return np.ones(pair.channels)
    first = _FirstLayer.of(pair, energy, arrays) if not levels.per_channel else None
    own = levels.weights(pair.second)
    used = (power > 0).astype(np.float64)  # a depthwise layer's outputs read one channel each

    def noise(s: np.ndarray) -> float:
        step = (reach / s).max() / levels.maps
        at_outputs = step**2 * (power @ s**2)
        if first is None:
            steps = (peak * s).max(axis=1) / own
        else:
            steps = np.full(len(peak), (of_channel * s).max() / own)
            at_outputs += power @ (s**2 * first.noise(s, levels.weights(pair.first)))
        at_outputs += steps**2 * weights.shape[2] * (used @ (square / s**2))
        return float(at_outputs @ importance)

    wide, tall = _at_least(reach), _at_least(of_channel)
    tried = [
        _levelled(wide**a / tall**b, reach, alive, 1.0 if pair.clipped else _MOST)
        for a in _EXPONENTS
        for b in _EXPONENTS
    ]
    return min(tried, key=noise)


@dataclass(frozen=True)
class _FirstLayer:
    peak: np.ndarray
    energy: np.ndarray

    @classmethod
    def of(
        cls, pair: Pair, energy: Mapping[nn.Variable, np.ndarray], arrays: Mapping[Any, np.ndarray]
    ) -> _FirstLayer:
        rows = by_output(pair.first, arrays[pair.first.weight.data])
        read = energy[pair.first.function.inputs[0]]
        # The energy of a patch: that of all channels which an output reads.
        groups = 1
        if pair.first.type == "DepthwiseConvolution":
            groups = len(read)
        elif pair.first.type == "Convolution":
            groups = int(pair.first.function.info.args["group"])
        taps = rows.shape[1] / max(1, len(read) // groups)
        patch = read.reshape(groups, -1).sum(axis=1) * taps
        return cls(
            _largest(rows, 1).reshape(pair.channels, -1).max(axis=1),
            np.repeat(patch, pair.channels // groups),
        )

    def noise(self, s: np.ndarray, levels: float) -> np.ndarray:
        step = float((self.peak / s).max()) / levels
        return np.asarray(step**2 * self.energy)


def _by_output_and_channel(layer: Layer, weight: np.ndarray, channels: int) -> np.ndarray:
    """The weight as (outputs, channels, the rest), zero where an output does not read a channel."""
    if layer.type == "Affine":
        return weight.reshape(channels, -1, int(np.prod(weight.shape[1:]))).transpose(2, 0, 1)
    into = by_input(layer, weight, channels)
    groups, outputs, inputs, rest = into.shape
    whole = np.zeros((groups * outputs, channels, rest))
    for group in range(groups):
        rows = slice(group * outputs, (group + 1) * outputs)
        whole[rows, group * inputs : (group + 1) * inputs] = into[group]
    return whole


def _power(weights: np.ndarray) -> np.ndarray:
    """The summed squares of each output and channel, some outputs at a time."""
    # A part of a single output would lie otherwise in memory, and be added up in another order.
    outputs = max(2, _AT_ONCE // max(1, weights[:1].size))
    parts = np.array_split(weights, max(1, len(weights) // outputs))
    return np.concatenate([np.square(part, dtype=np.float64).sum(axis=2) for part in parts])


def _largest(weights: np.ndarray, axis: int) -> np.ndarray:
    """The largest magnitudes along an axis, without a copy of all of them."""
    return np.asarray(np.abs(np.maximum(weights.max(axis=axis), -weights.min(axis=axis))))


def _of_inputs(s: np.ndarray, count: int) -> np.ndarray:
    """Factors of channels as those of a flattened map's inputs."""
    return np.repeat(s, count // len(s))


def _at_least(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(values, max(_LEAST * values.max(), 1e-30)))


def _levelled(s: np.ndarray, reach: np.ndarray, alive: np.ndarray, most: float) -> np.ndarray:
    """The scales times what leaves the largest value of all channels where it was."""
    s = s * (reach[alive] / s[alive]).max() / reach.max()
    return np.where(alive, np.clip(s, 1 / _MOST, most), 1.0)
