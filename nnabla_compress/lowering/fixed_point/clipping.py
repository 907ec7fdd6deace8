# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Quantizers of activations as clips: the formats of fixed point round, the ranges must stay."""

from __future__ import annotations

from typing import Any, Collection, List, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.quantizers.base import quantizer_of

_FEWEST_BITS = 6
_FAR = 1e30  # beyond each range that a quantizer can have


def clip_activations(
    outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable]
) -> Tuple[List[nn.Variable], int]:
    """Builds the graph again with quantizers of activations replaced by clips to their ranges.

    Those of fewer than 6 bits stay: their steps are coarse enough to matter to the layers behind.

    Args:
        outputs: Variables of one graph.
        inputs: The network's inputs.

    Returns:
        The new outputs, and the number of quantizers of activations.

    Example:
        >>> import nnabla.functions as F
        >>> from nnabla_compress.graph import functions
        >>> from nnabla_compress.quantizers import Uniform
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y = Uniform(6, signed=False, initial_step=0.125)(F.relu(x))
        >>> y.forward()
        >>> (y,), count = clip_activations([y], [x])
        >>> [(f.info.type_name, f.info.args.get("val")) for f in functions([y])]
        [('ReLU', None), ('MinimumScalar', 7.875)]
    """
    dynamic, count = set(inputs), [0]

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        quantizer = quantizer_of(function)
        if quantizer is None:
            return None
        tensor = function.inputs[0]
        if tensor.parent is None and tensor not in dynamic:
            return None
        count[0] += 1
        if quantizer.bits_of(function.info.args, function.inputs) < _FEWEST_BITS:
            return None
        low, high = _range(function)
        x = arguments[0]
        before = x.parent.info.type_name if x.parent is not None else ""
        if np.isfinite(low) and not (low == 0 and before in ("ReLU", "MaximumScalar")):
            x = F.maximum_scalar(x, low) if low != 0 else F.relu(x)
        return F.minimum_scalar(x, high) if np.isfinite(high) else x

    return rebuild(outputs, replace), count[0]


def _range(function: Any) -> Tuple[float, float]:
    """Returns the smallest and the largest value that a quantizer gives."""
    quantizer = quantizer_of(function)
    assert quantizer is not None
    far = nn.Variable(function.inputs[0].shape)
    bounds = []
    for sign in (-1, 1):
        far.d = sign * _FAR
        reached = quantizer.lower(function, [far, *function.inputs[1:]])
        reached.forward()
        bounds.append(sign * float(np.max(sign * reached.d)))
    low, high = (
        value if abs(value) < _FAR / 2 else sign * np.inf for value, sign in zip(bounds, (-1, 1))
    )
    return low, high
