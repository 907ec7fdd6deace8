# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Maps of another size, computed by layers: runtimes have no Interpolate.

Along each axis a value is the same weighted sum of the old ones wherever it stands, so each axis is
an Affine of constant weights, one axis after the other:

    y = M_h x M_w^T    per channel, M of shape (new size, old size)

The weights are what NNabla's own Interpolate makes of the unit vectors, so they hold for all its
options; up to the order of additions it is the same sum.
"""

from __future__ import annotations

from typing import Any, List, Optional

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.graph.constants import constant


def interpolation(function: Any, inputs: List[nn.Variable]) -> Optional[nn.Variable]:
    """Returns an Interpolate as Affines and transpositions; None where channels come last.

    Args:
        function: The Interpolate.
        inputs: Its input.

    Example:
        >>> x = nn.Variable.from_numpy_array(np.float32([[[[0, 1], [2, 3]]]]))
        >>> y = F.interpolate(x, output_size=(3, 3), mode="linear", align_corners=True)
        >>> made = interpolation(y.parent, [x])
        >>> made.forward()
        >>> made.d[0, 0].tolist()
        [[0.0, 0.5, 1.0], [1.0, 1.5, 2.0], [2.0, 2.5, 3.0]]
    """
    x, args = inputs[0], dict(function.info.args)
    if args.pop("channel_last"):
        return None
    sizes = [int(size) for size in args.pop("output_size")]
    first = x.ndim - len(sizes)
    y = x
    for axis, size in enumerate(sizes, first):
        weights = _weights(x.shape[axis], size, args)
        if weights is not None:
            y = _along(y, axis, weights)
    return y if y is not x else F.mul_scalar(x, 1.0)


def _weights(old: int, new: int, args: Any) -> Optional[np.ndarray]:
    """What the values along an axis are multiplied by, (old, new); None if they stay."""
    unit = nn.Variable.from_numpy_array(np.eye(old, dtype=np.float32)[:, np.newaxis])
    made = F.interpolate(unit, output_size=(new,), **args)
    made.forward()
    weights = np.array(made.d[:, 0])
    return None if old == new and np.array_equal(weights, np.eye(old)) else weights


def _along(x: nn.Variable, axis: int, weights: np.ndarray) -> nn.Variable:
    """The product with weights along an axis, which is the last one meanwhile."""
    order = list(range(x.ndim))
    order[axis], order[-1] = order[-1], order[axis]
    moved = axis != x.ndim - 1
    y = F.transpose(x, order) if moved else x
    y = F.affine(y, constant(weights, "interpolation", False), base_axis=x.ndim - 1)
    return F.transpose(y, order) if moved else y
