# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network ends in: an activation that saturates hides what differs before it."""

from __future__ import annotations

from typing import List, NamedTuple, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.function_types import types_that
from nnabla_compress.quantizers.base import quantizer_of

# Functions whose output hardly moves where their input is large, or negative.
SATURATING = types_that(saturates=True)
# What may stand behind them without telling more of what they got.
BEHIND = ("Identity", "Reshape", "Transpose", "MulScalar", "AddScalar", "Log")
_NEAR = 1e-6


class End(NamedTuple):
    """The last activation of an output.

    Args:
        type: One of ``SATURATING``.
        before: What it gets.
        axis: The axis of a Softmax, counted from the front; None for others.
    """

    type: str
    before: nn.Variable
    axis: Optional[int] = None


def end_of(output: nn.Variable) -> Optional[End]:
    """Returns the last activation of an output, None if it ends otherwise.

    Args:
        output: A variable of a graph.

    Example:
        >>> import nnabla.functions as F
        >>> h = F.exp(nn.Variable((1, 3)))
        >>> found = end_of(F.softmax(h))
        >>> found.type, found.axis, found.before == h, end_of(h) is None
        ('Softmax', 1, True, True)
    """
    while output.parent is not None:
        function = output.parent
        type_name = function.info.type_name
        before = function.inputs[0] if function.inputs else None
        if before is None or (
            type_name not in (*SATURATING, *BEHIND) and quantizer_of(function) is None
        ):
            return None
        if type_name in SATURATING and function.info.args.get("inplace"):
            return None  # its input is overwritten
        if type_name in SATURATING:
            # What nothing computes is compared already, as an input.
            axis = function.info.args.get("axis")
            found = End(type_name, before, None if axis is None else axis % before.ndim)
            return found if before.parent is not None else None
        output = before
    return None


def saturated(end: End, values: np.ndarray) -> float:
    """Returns for which part of the samples, or entries, an activation has reached its limits.

    Args:
        end: The activation.
        values: What it got, (samples, ...).

    Returns:
        0 to 1. A Softmax is saturated where it gives one class all but 1e-6, a ReLU for samples of
        which it gives nothing but 0.

    Example:
        >>> import nnabla.functions as F
        >>> end = end_of(F.softmax(F.relu(nn.Variable((1, 2)))))
        >>> saturated(end, np.float32([[0, 50], [0, 1]]))
        0.5
    """
    x = np.asarray(values, np.float64)
    if not x.size:
        return 0.0
    with np.errstate(all="ignore"):
        if end.axis is not None:
            shifted = np.exp(x - x.max(axis=end.axis, keepdims=True))
            return float(np.mean(1 / shifted.sum(axis=end.axis) > 1 - _NEAR))
        if end.type == "ReLU":
            return float(np.mean(x.reshape(len(x), -1).max(axis=1) <= 0))
        distance = 1 / (1 + np.exp(np.abs(x))) if end.type == "Sigmoid" else 1 - np.tanh(np.abs(x))
        return float(np.mean(distance < _NEAR))


def with_ends(
    outputs: Sequence[nn.Variable], others: Sequence[nn.Variable]
) -> Tuple[List[nn.Variable], List[nn.Variable]]:
    """Returns the outputs of two graphs with what their last activations get, to compare them.

    Args:
        outputs: Outputs of the one graph.
        others: The same outputs of the other one.

    Example:
        >>> import nnabla.functions as F
        >>> h, g = F.exp(nn.Variable((1, 2))), F.abs(nn.Variable((1, 2)))
        >>> one, other = with_ends([F.softmax(h)], [F.softmax(g)])
        >>> one[1] == h, other[1] == g
        (True, True)
    """
    first, second = list(outputs), list(others)
    for output, other in zip(outputs, others):
        end, twin = end_of(output), end_of(other)
        if end is not None and twin is not None and end.before.shape == twin.before.shape:
            first.append(end.before)
            second.append(twin.before)
    return first, second
