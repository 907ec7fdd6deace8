# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Starting the quantizers of a network that is not trained further."""

from __future__ import annotations

from collections import Counter
from typing import Any, Dict, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.batch_normalization import FOLDABLE, channel_factors, scale_and_shift
from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.graph.rewrite import consumers
from nnabla_compress.quantizers import prepare, quantizer_of
from nnabla_compress.turns import one_at_a_time

# The least that a weight counts beside the one that counts most.
_LEAST = 1e-6


@one_at_a_time
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
    found = [layer for layer in layers(outputs) if layer.quantizer is not None]
    uses = Counter(layer.weight.data for layer in found)
    for layer in found:
        node: Any = layer.quantizer
        quantizer = quantizer_of(node)
        counts = _importance(layer, readers) if uses[layer.weight.data] == 1 else None
        if quantizer is not None:
            quantizer.start(node.info.args, node.inputs, counts)
    prepare(outputs)


def start_at(node: Any, values: Mapping[str, Sequence[float]]) -> None:
    """Sets parameters of a quantizer that has not started.

    Args:
        node: Its node.
        values: What they start from, by the names that the quantizer gives them.
    """
    quantizer = quantizer_of(node)
    assert quantizer is not None
    for name, variable in quantizer.named_parameters(node.info.args, node.inputs).items():
        if name in values and np.isnan(variable.d).any():
            variable.d = np.asarray(values[name], np.float32)


def _importance(layer: Layer, readers: Dict[nn.Variable, Any]) -> Optional[np.ndarray]:
    """What the squared error of each weight counts, None if it is the same for all."""
    behind = readers[layer.function.outputs[0]]
    if len(behind) != 1 or behind[0] is None or behind[0].info.type_name not in FOLDABLE:
        return None
    factors = channel_factors(layer.function, scale_and_shift(behind[0])[0])
    if factors is None or not layer.direct:
        return None
    squares = np.square(factors)
    largest = squares.max(initial=0)
    if not np.isfinite(largest) or largest == 0 or (squares == largest).all():
        return None
    found: np.ndarray = np.maximum(squares / largest, _LEAST)
    return found
