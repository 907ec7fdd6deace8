# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Biases corrected for what fixed point does to the means of channels, on calibration data.

A layer is run as one sum that is shifted once. That is what the device does for layers of ``rows``
and affine ones; the simulator, not this, is what proves a file.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List, Mapping

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import BIAS
from nnabla_compress.function_types import FORWARD_LAYERS
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.kernels.saturation import saturated
from nnabla_compress.lowering.fixed_point.calibration import calibrate, channel_mean
from nnabla_compress.lowering.fixed_point.evaluate import Feed, copy_of, evaluate
from nnabla_compress.lowering.fixed_point.graph import FixedPointGraph
from nnabla_compress.lowering.fixed_point.kernels import key, largest_integer
from nnabla_compress.lowering.fixed_point.rounding import values_of
from nnabla_compress.memory import give_back
from nnabla_compress.nnb import stored_input

_LARGE = 1 << 20  # numbers of a weight
_FEWEST_ACTIVE = 0.05  # part of a channel's values on which its correction is based


def correct_biases(
    graph: FixedPointGraph,
    feed: Feed,
    positions: Mapping[Any, int],
    codes: Dict[Any, np.ndarray],
    bits: int,
) -> None:
    """Changes biases so that each channel keeps the mean that it has in float.

    Layer after layer, each on what the corrected ones before it give: truncation and rounding shift
    means, and what shifts all values of a channel adds up over layers.

    Args:
        graph: The network, with parameters that are not rounded.
        feed: Its inputs.
        positions: Fraction bits by key.
        codes: Integers of the parameters, by their array; those of biases are changed.
        bits: Of the integers.
    """
    calibration = calibrate(graph, [feed], bits, spread=False)
    top = largest_integer(bits)
    uses = Counter(key(v) for function in functions(graph.outputs) for v in function.inputs)
    step = {name: 2.0**-position for name, position in positions.items()}

    def shifted(values: np.ndarray, name: Any) -> np.ndarray:
        return saturated(values, 1 / step[name], top)

    def layer(function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        y = key(function.outputs[0])
        made = copy_of(function, arguments[:BIAS])
        summed = shifted(made[0].d, y)
        values = summed
        if len(function.inputs) > BIAS:
            bias, axis = key(function.inputs[BIAS]), function.info.args["base_axis"]
            axis %= arguments[0].ndim
            if codes[bias].ndim == 1 and uses[bias] == 1:
                low, high = (edge / step[y] for edge in calibration.windows[y])
                wanted = calibration.means[function] / step[y]
                codes[bias] = _corrected(summed, codes[bias], wanted, axis, (low, high), top)
            values = _with_bias(summed, codes[bias], axis, top)
        made[0].d = values * step[y]
        return made

    def compute(function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        for place, variable in enumerate(function.inputs):
            if key(variable) in codes:
                if codes[key(variable)].size > _LARGE:
                    give_back()  # the maps of the layers before
                arguments[place] = made = nn.Variable(variable.shape)
                out = made.data.cast(np.float32)
                values_of(codes[key(variable)], positions[key(variable)], out)
        if function.info.type_name in FORWARD_LAYERS:
            return layer(function, arguments)
        made = copy_of(function, arguments)
        for old, new in zip(function.outputs, made):
            if key(old) in positions:
                new.d = shifted(new.d, key(old)) * step[key(old)]
        return made

    def quantized(variable: nn.Variable, values: np.ndarray) -> np.ndarray:
        if key(variable) not in positions:
            return values
        codes = stored_input(values, f"FIXED{bits}", positions[key(variable)])
        return (codes * step[key(variable)]).astype(np.float32)

    evaluate(graph.outputs, {v: quantized(v, a) for v, a in feed.items()}, compute)


def _with_bias(summed: np.ndarray, bias: np.ndarray, axis: int, top: int) -> np.ndarray:
    shape = [1] * axis + list(bias.shape) + [1] * (summed.ndim - axis - bias.ndim)
    return np.clip(summed + bias.reshape(shape).astype(np.float32), -top - 1, top)


def _corrected(
    summed: np.ndarray, bias: np.ndarray, wanted: np.ndarray, axis: int, window: Any, top: int
) -> np.ndarray:
    """Returns the bias with which the channels have the wanted means, as far as steps allow."""
    for _ in range(3):
        values = _with_bias(summed, bias, axis, top)
        active = channel_mean((values > window[0]) & (values < window[1]), axis)
        missing = wanted - channel_mean(np.clip(values, *window), axis)
        change = np.rint(missing / np.maximum(active, _FEWEST_ACTIVE))
        if not change.any():
            break
        bias = np.clip(bias + change.astype(np.int32), -top, top)
    return bias
