# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Biases corrected for what fixed point does to the means of channels, on calibration data.

A layer is run as one sum that is shifted once. That is what the device does for layers of ``rows``
and affine ones; the simulator, not this, is what proves a file.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, List, Mapping, Optional

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import BIAS
from nnabla_compress.function_types import FORWARD_LAYERS
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.kernels.channels import by_channel, level_counts
from nnabla_compress.kernels.saturation import saturated
from nnabla_compress.lowering.fixed_point.calibration import Calibration, calibrate
from nnabla_compress.lowering.fixed_point.evaluate import Feed, copy_of, evaluate
from nnabla_compress.lowering.fixed_point.graph import FixedPointGraph
from nnabla_compress.lowering.fixed_point.kernels import key, largest_integer
from nnabla_compress.lowering.fixed_point.rounding import values_of
from nnabla_compress.memory import give_back, is_large
from nnabla_compress.nnb import stored_input

_CHANNELS = 1 << 12  # whose levels are counted at once
_FEWEST_ACTIVE = 0.05  # part of a channel's values on which its correction is based


def correct_biases(
    graph: FixedPointGraph,
    feed: Feed,
    positions: Mapping[Any, int],
    codes: Dict[Any, np.ndarray],
    bits: int,
    calibration: Optional[Calibration] = None,
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
        calibration: Means of the network on these inputs, where they are known.
    """
    calibration = calibration or calibrate(graph, [feed], bits, spread=False)
    windows, means = calibration.windows, calibration.means
    top = largest_integer(bits)
    uses = Counter(key(v) for function in functions(graph.outputs) for v in function.inputs)
    step = {name: 2.0**-position for name, position in positions.items()}

    def layer(function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        y = key(function.outputs[0])
        made = copy_of(function, arguments[:BIAS])
        values = made[0].d
        saturated(values, 1 / step[y], top, out=values)
        if len(function.inputs) > BIAS:
            bias, axis = key(function.inputs[BIAS]), function.info.args["base_axis"]
            axis %= arguments[0].ndim
            if codes[bias].ndim == 1 and uses[bias] == 1:
                low, high = (edge / step[y] for edge in windows[y])
                wanted = means[function] / step[y]
                codes[bias] = _corrected(values, codes[bias], wanted, axis, (low, high), top)
            after = values.ndim - axis - codes[bias].ndim
            values += codes[bias].reshape(*codes[bias].shape, *(1,) * after).astype(np.float32)
            np.clip(values, -top - 1, top, out=values)
        values *= step[y]
        return made

    def compute(function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        large = []
        for place, variable in enumerate(function.inputs):
            if key(variable) in codes:
                arguments[place] = parameter = nn.Variable(variable.shape)
                if is_large(variable.size):
                    give_back()  # the maps of the layers before
                    large.append(parameter)
                out = parameter.data.cast(np.float32)
                values_of(codes[key(variable)], positions[key(variable)], out)
        made = computed(function, arguments)
        for parameter in large:
            parameter.data.clear()
        return made

    def computed(function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        if function.info.type_name in FORWARD_LAYERS:
            return layer(function, arguments)
        made = copy_of(function, arguments)
        for old, new in zip(function.outputs, made):
            if key(old) in positions:
                values = new.d
                saturated(values, 1 / step[key(old)], top, out=values)
                values *= step[key(old)]
        return made

    def quantized(variable: nn.Variable, values: np.ndarray) -> np.ndarray:
        if key(variable) not in positions:
            return values
        codes = stored_input(values, f"FIXED{bits}", positions[key(variable)])
        return (codes * step[key(variable)]).astype(np.float32)

    evaluate(graph.outputs, {v: quantized(v, a) for v, a in feed.items()}, compute)


def _corrected(
    summed: np.ndarray, bias: np.ndarray, wanted: np.ndarray, axis: int, window: Any, top: int
) -> np.ndarray:
    """Returns the bias with which the channels have the wanted means, as far as steps allow."""
    values, corrected, each = by_channel(summed, axis), bias.copy(), summed.size // len(bias)
    for start in range(0, len(bias), _CHANNELS):
        some = slice(start, start + _CHANNELS)
        counts = level_counts(np.ascontiguousarray(values[:, some]), top)
        corrected[some] = _of_counts(counts, each, bias[some], wanted[some], window, top)
    return corrected


def _of_counts(
    counts: np.ndarray, each: int, bias: np.ndarray, wanted: np.ndarray, window: Any, top: int
) -> np.ndarray:
    """The same for channels of which it is known how often each holds each level."""
    levels = np.arange(-top - 1, top + 1)
    for _ in range(3):
        values = np.clip(levels + bias[:, None], -top - 1, top).astype(np.float32)
        active = (counts * ((values > window[0]) & (values < window[1]))).sum(axis=1) / each
        mean = (counts * np.clip(values, *window).astype(np.float64)).sum(axis=1) / each
        change = np.rint((wanted - mean) / np.maximum(active, _FEWEST_ACTIVE))
        if not change.any():
            break
        bias = np.clip(bias + change.astype(np.int32), -top, top)
    return bias
