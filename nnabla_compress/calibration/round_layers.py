# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Learned rounding of all layers of a network, in the order of execution."""

from __future__ import annotations

from collections import Counter
from typing import Any, List, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.calibration.bias_correction import shift_bias
from nnabla_compress.calibration.learned_rounding import RoundingSettings, learn, moments
from nnabla_compress.calibration.patches import TYPES, patches, rows_of, weight_of
from nnabla_compress.calibration.replay import Replay
from nnabla_compress.graph import Layer, functions, layers
from nnabla_compress.quantizers import Affine
from nnabla_compress.quantizers.affine import Grid
from nnabla_compress.quantizers.base import quantizer_of

# A longer row would need more memory for the moments of its inputs than weights take otherwise.
LARGEST_ROW = 4608


def learn_roundings(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    float_outputs: Sequence[nn.Variable],
    float_inputs: Sequence[nn.Variable],
    samples: Sequence[np.ndarray],
    settings: RoundingSettings,
    seed: int = 0,
) -> Tuple[List[str], List[str]]:
    """Learns the roundings of the weights with affine quantizers, in place.

    Each layer learns from the inputs that it gets in the quantized network, with the layers before
    it rounded already, towards the outputs of the float network. A weight becomes the value of its
    code, which its quantizer then finds again. Biases take up the means.

    Args:
        outputs: Outputs of the quantized network, whose parameters are its own.
        inputs: Its inputs.
        float_outputs: Outputs of the float network, with the same layers.
        float_inputs: Its inputs.
        samples: Checked samples (N, ...) for each input.
        settings: How to learn.
        seed: Seed of the positions.

    Returns:
        The names of the layers learned, and of those with affine quantizers that were left at
        nearest rounding: other types, shared weights and rows longer than ``LARGEST_ROW``.
    """
    quantized = Replay(outputs, inputs, samples)
    plain = Replay(float_outputs, float_inputs, samples)
    uses = Counter(v.data for f in functions(outputs) for v in f.inputs)
    rng = np.random.RandomState(seed)
    learned, left = [], []
    found = list(zip(layers(outputs), layers(float_outputs)))
    for layer, twin in found:
        if layer.quantizer is not None and quantizer_of(layer.quantizer) is Affine:
            x = layer.function.inputs[0]
            quantized.run_until(layer.function)
            plain.run_through(twin.function)
            target = twin.function.outputs[0]
            alone = uses[layer.weight.data] == uses[layer.quantizer.outputs[0].data] == 1
            alone = alone and layer.direct and (layer.bias is None or uses[layer.bias.data] == 1)
            if alone and quantized.has(x) and _can_be_learned(layer):
                _round(layer, quantized.value(x), plain.value(target), settings, rng, quantized)
                learned.append(layer.name)
            else:
                left.append(layer.name)
    return learned, left


def _can_be_learned(layer: Layer) -> bool:
    if layer.type not in TYPES or layer.function.info.args.get("channel_last"):
        return False
    return int(rows_of(layer, np.empty(layer.shape, np.bool_)).shape[2]) <= LARGEST_ROW


def _round(
    layer: Layer,
    x: np.ndarray,
    target: np.ndarray,
    settings: RoundingSettings,
    rng: np.random.RandomState,
    replay: Replay,
) -> None:
    node: Any = layer.quantizer
    grid = Affine.settle(node.info.args, node.inputs)
    shape = [1] * len(layer.shape)
    if node.info.args["axis"] is not None:
        shape[node.info.args["axis"]] = -1
    spread = [np.broadcast_to(part.reshape(shape), layer.shape) for part in grid]
    weight = np.array(layer.weight.d, np.float32)
    rows = rows_of(layer, weight)
    has_bias = layer.bias is not None and layer.bias.parent is None
    found = moments(rows, patches(layer, x, target, settings.positions, rng), has_bias)
    on_rows = Grid(*(rows_of(layer, np.ascontiguousarray(part)) for part in spread))
    codes, _ = learn(rows, on_rows, found, settings)
    layer.weight.d = weight_of(layer, codes) * spread[0]
    replay.run_through(layer.function)
    if has_bias:
        assert layer.bias is not None
        quantized_rows = (codes * on_rows.scale).astype(np.float64)
        mean = np.einsum("goi,gi->go", quantized_rows, found.mean_x).reshape(layer.bias.shape)
        wanted = found.mean_y.reshape(layer.bias.shape)
        shift_bias(replay, layer, wanted - mean - layer.bias.d)
