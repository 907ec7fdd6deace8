# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Learned rounding of all layers of a network, in the order of execution."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Callable, List, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import Layer, layers
from nnabla_compress.analysis.patches import patches, rows_of, weight_of
from nnabla_compress.calibration.bias_correction import shift_bias
from nnabla_compress.calibration.learned_rounding import RoundingSettings, learn, moments
from nnabla_compress.calibration.learned_tables import learn_table
from nnabla_compress.function_types import FORWARD_LAYERS
from nnabla_compress.graph.constants import own
from nnabla_compress.graph.replay import ComputedRows, Replay
from nnabla_compress.graph.rewrite import times_read
from nnabla_compress.memory import give_back
from nnabla_compress.progress import tracked
from nnabla_compress.quantizers import quantizer_of
from nnabla_compress.quantizers.choices import Choices
from nnabla_compress.turns import one_at_a_time

# A longer row would need more memory for the moments of its inputs than weights take otherwise.
LARGEST_ROW = 4608


@one_at_a_time
def learn_roundings(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    float_outputs: Sequence[nn.Variable],
    float_inputs: Sequence[nn.Variable],
    samples: Sequence[np.ndarray],
    settings: RoundingSettings,
    seed: int = 0,
) -> Tuple[List[str], List[str]]:
    """Learns what the weights become whose quantizers offer a choice, in place.

    Each layer learns from the inputs that it gets in the quantized network, with the layers before
    it rounded already, towards the outputs of the float network. A weight becomes one of the two
    values next to it, of its codes or of its dictionary; a dictionary and who takes which of its
    entries are then learned on together. Biases take up the means.

    Args:
        outputs: Outputs of the quantized network, whose parameters are its own.
        inputs: Its inputs.
        float_outputs: Outputs of the float network, with the same layers.
        float_inputs: Its inputs.
        samples: Checked samples (N, ...) for each input.
        settings: How to learn.
        seed: Seed of the positions.

    Returns:
        The names of the layers learned, and of those whose quantizers offer a choice that were left
        at nearest rounding: other types, shared weights and rows longer than ``LARGEST_ROW``.
    """
    quantized = Replay(outputs, inputs, samples)
    plain = Replay(float_outputs, float_inputs, samples)
    uses = times_read(outputs)
    rng = np.random.RandomState(seed)
    learned, left = [], []
    found = list(zip(layers(outputs), layers(float_outputs)))
    last = found[-1][0] if found else None
    for layer, twin in tracked("learning roundings", found, len(found)):
        node: Any = layer.quantizer
        quantizer = None if node is None else quantizer_of(node)
        choices = None if quantizer is None else quantizer.choices(node.info.args, node.inputs)
        if choices is not None:
            x = layer.function.inputs[0]
            quantized.run_until(layer.function)
            alone = uses[layer.weight.data] == uses[node.outputs[0].data] == 1
            alone = alone and layer.direct and (layer.bias is None or uses[layer.bias.data] == 1)
            if alone and quantized.has(x) and _can_be_learned(layer):
                y = partial(_outputs_of, twin.function, plain, layer is last)
                fine = replace(settings, steps=0) if is_fine(node, settings) else settings
                _round(layer, choices, quantized.value(x), y, fine, rng, quantized, layer is last)
                learned.append(layer.name)
            else:
                left.append(layer.name)
    return learned, list(dict.fromkeys(left))


def is_fine(node: Any, settings: RoundingSettings) -> bool:
    """Returns whether a quantizer of weights rounds so finely that flips of single ones suffice.

    Args:
        node: The quantizer's node.
        settings: How to learn.
    """
    quantizer = quantizer_of(node)
    assert quantizer is not None
    return quantizer.bits_of(node.info.args, node.inputs) >= settings.fine_bits


def _can_be_learned(layer: Layer) -> bool:
    if layer.type not in FORWARD_LAYERS or layer.function.info.args.get("channel_last"):
        return False
    return int(rows_of(layer, np.empty(layer.shape, np.bool_)).shape[2]) <= LARGEST_ROW


def _outputs_of(function: Any, replay: Replay, last: bool) -> Union[np.ndarray, ComputedRows]:
    """What a function of the float network gives; of the last layer, when it is read."""
    if last:
        return replay.end(function)
    replay.run_through(function)
    return replay.value(function.outputs[0])


def _round(
    layer: Layer,
    choices: Choices,
    x: np.ndarray,
    target: Callable[[], Union[np.ndarray, ComputedRows]],
    settings: RoundingSettings,
    rng: np.random.RandomState,
    replay: Replay,
    last: bool,
) -> None:
    give_back()
    rows = rows_of(layer, np.array(layer.weight.d, np.float32))
    has_bias = layer.bias is not None and layer.bias.parent is None
    found = moments(rows, patches(layer, x, target(), settings.positions, rng), has_bias)
    lower, upper = (rows_of(layer, values) for values in choices.bounds())
    values = learn(rows, lower, upper, found, settings, out=lower)
    del upper
    entries = None
    if choices.table is not None:
        values, entries = learn_table(values, rows, choices.table, found, settings.table_rounds)
    own(layer.weight)
    choices.settle(weight_of(layer, values), entries)
    if not last:
        replay.run_through(layer.function)
    if has_bias:
        assert layer.bias is not None
        mean = np.einsum("goi,gi->go", values.astype(np.float64), found.mean_x)
        wanted = found.mean_y.reshape(layer.bias.shape)
        shift = wanted - mean.reshape(layer.bias.shape) - layer.bias.d
        shift_bias(layer, shift, None if last else replay)
