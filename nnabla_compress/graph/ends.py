# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a network ends in: an activation that saturates hides what differs before it."""

from __future__ import annotations

from typing import NamedTuple, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.quantizers.base import quantizer_of

# Functions whose output hardly moves where their input is large.
SATURATING = ("Softmax", "LogSoftmax", "Sigmoid", "Tanh")
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
        >>> h = F.relu(nn.Variable((1, 3)))
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
        0 to 1. A Softmax is saturated where it gives one class all but 1e-6.

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
        distance = 1 / (1 + np.exp(np.abs(x))) if end.type == "Sigmoid" else 1 - np.tanh(np.abs(x))
        return float(np.mean(distance < _NEAR))


def names_before(names: Sequence[str], ends: Sequence[Optional[End]]) -> Sequence[str]:
    """Returns what the values before the last activations are called, for outputs that have one.

    Args:
        names: Names of the outputs.
        ends: Their last activations.
    """
    return [f"{name} before {end.type}" for name, end in zip(names, ends) if end is not None]
