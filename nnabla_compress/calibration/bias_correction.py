# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bias correction: what quantization adds to the mean of a layer's outputs is taken off its bias.

For each layer in the order of execution, with the layers before it quantized and corrected::

    b <- b - (E[y_quantized] - E[y_float])

the means being taken over calibration samples and positions, channel by channel.

M. Nagel et al., Data-free quantization through weight equalization and bias correction, ICCV 2019,
arXiv:1906.04721 (section 4.2.2, empirical).
"""

from __future__ import annotations

from typing import Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis import Layer, layers
from nnabla_compress.graph.constants import own
from nnabla_compress.graph.replay import Replay
from nnabla_compress.graph.rewrite import times_read
from nnabla_compress.progress import tracked
from nnabla_compress.turns import one_at_a_time


@one_at_a_time
def correct_biases(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    float_outputs: Sequence[nn.Variable],
    float_inputs: Sequence[nn.Variable],
    samples: Sequence[np.ndarray],
) -> int:
    """Corrects the biases of the quantized network in place; layers without
    a bias of their own are left.

    Args:
        outputs: Outputs of the quantized network, whose biases are its own.
        inputs: Its inputs.
        float_outputs: Outputs of the float network, with the same layers.
        float_inputs: Its inputs.
        samples: Checked samples (N, ...) for each input.

    Returns:
        The number of layers corrected.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import Affine
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 1))
        >>> y = PF.affine(x, 1, name="float")
        >>> q = PF.affine(x, 1, apply_w=Affine(bits=2, scale="pow2"), name="quantized")
        >>> for name in ("float/affine/W", "quantized/affine/W"):
        ...     nn.get_parameters()[name].d = 0.75  # the quantized weight becomes 1
        >>> correct_biases([q], [x], [y], [x], [np.float32([[1], [3]])])
        1
        >>> nn.get_parameters()["quantized/affine/b"].d.tolist()
        [-0.5]
    """
    quantized = Replay(outputs, inputs, samples)
    plain = Replay(float_outputs, float_inputs, samples)
    uses = times_read(outputs)
    corrected = 0
    found = list(zip(layers(outputs), layers(float_outputs)))
    for layer, twin in tracked("correcting biases", found, len(found)):
        # A bias that others read, too, is not the layer's own to change.
        alone = layer.bias is not None and layer.bias.parent is None and uses[layer.bias.data] == 1
        if layer.bias is None or not alone:
            continue
        quantized.run_through(layer.function)
        plain.run_through(twin.function)
        y, target = layer.function.outputs[0], twin.function.outputs[0]
        if not quantized.has(y):
            continue
        axes = mean_axes(layer)
        excess = quantized.value(y).mean(axis=axes, dtype=np.float64)
        excess -= plain.value(target).mean(axis=axes, dtype=np.float64)
        if excess.size != layer.bias.size:
            continue
        shift_bias(layer, -excess.reshape(layer.bias.shape), quantized)
        corrected += 1
    return corrected


def mean_axes(layer: Layer) -> Tuple[int, ...]:
    """Returns the axes of a layer's output along which its bias does not vary.

    Args:
        layer: The layer.
    """
    args, ndim = layer.function.info.args, len(layer.output_shape)
    base = int(args["base_axis"]) % len(layer.input_shape) if "base_axis" in args else 1
    if layer.type == "Affine":
        return tuple(range(base))
    channel = ndim - 1 if args.get("channel_last") else base
    return tuple(axis for axis in range(ndim) if axis != channel)


def shift_bias(layer: Layer, shift: np.ndarray, replay: Optional[Replay] = None) -> None:
    """Adds to the bias of a layer, and to its outputs.

    Args:
        layer: The layer.
        shift: What is added, in the shape of the bias.
        replay: The network, if the layer has just run; None if its outputs are not there.
    """
    assert layer.bias is not None
    own(layer.bias)
    layer.bias.d = layer.bias.d + shift.astype(np.float32)
    if replay is None:
        return
    y = layer.function.outputs[0]
    axes = mean_axes(layer)
    shape = [1 if axis in axes else size for axis, size in enumerate(replay.value(y).shape)]
    replay.add(y, shift.astype(np.float32).reshape(shape))
