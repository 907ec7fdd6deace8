# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Starting the quantizers of a network that is not trained further."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.graph.fold import NORMALIZATIONS, weight_scales
from nnabla_compress.graph.layers import Layer, layers
from nnabla_compress.graph.rewrite import consumers
from nnabla_compress.quantizers import prepare, quantizer_of

# The least that a weight counts beside the one that counts most.
_LEAST = 1e-6


def start_quantizers(outputs: Sequence[nn.Variable]) -> None:
    """Starts the quantizers that have not started yet from the weights as the network uses them.

    A batch normalization behind a layer multiplies its channels, and so the errors of their
    weights: these count with its squared scale. Where nothing is trained afterwards, that is
    closer to the network's outputs than counting all weights alike.

    Args:
        outputs: Variables of one graph.

    Raises:
        CompressError: If a weight can't be quantized, for instance because it holds NaN.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import LUT, graph_quantizers
        >>> nn.clear_parameters()
        >>> h = PF.convolution(nn.Variable((1, 1, 4, 4)), 2, (1, 1), apply_w=LUT(bits=1), name="c")
        >>> y = PF.batch_normalization(h, batch_stat=False, name="c")
        >>> start_quantizers([y])
        >>> bool(np.isfinite(graph_quantizers([y])[0].inputs[1].d).all())
        True
    """
    readers = consumers(outputs)
    counts: Dict[Any, Optional[np.ndarray]] = {}
    nodes: Dict[Any, Any] = {}
    for layer in layers(outputs):
        if layer.quantizer is not None:
            # A weight of several layers counts alike for all of them.
            found = None if layer.weight.data in counts else _importance(layer, readers)
            counts[layer.weight.data], nodes[layer.weight.data] = found, layer.quantizer
    for weight, node in nodes.items():
        quantizer = quantizer_of(node)
        assert quantizer is not None
        quantizer.start(node.info.args, node.inputs, counts[weight])
    prepare(outputs)


def _importance(layer: Layer, readers: Dict[nn.Variable, Any]) -> Optional[np.ndarray]:
    """What the squared error of each weight counts, None if it is the same for all."""
    behind = readers[layer.function.outputs[0]]
    if len(behind) != 1 or behind[0] is None or behind[0].info.type_name not in NORMALIZATIONS:
        return None
    scales = weight_scales(layer.function, behind[0])
    if scales is None:
        return None
    squares = np.square(scales)
    largest = squares.max(initial=0)
    if not np.isfinite(largest) or largest == 0 or (squares == largest).all():
        return None
    found: np.ndarray = np.maximum(squares / largest, _LEAST)
    return found
