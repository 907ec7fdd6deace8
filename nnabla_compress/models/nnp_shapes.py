# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Shapes of inputs that must fit each other, where NNabla doesn't look.

It would read or write behind the end of an array, or end the process; and what reads a bias counts
on one number for each output.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any, Callable, Dict, Mapping, Optional, Sequence, Tuple

Shape = Tuple[int, ...]
Rule = Callable[[Mapping[str, Any], Sequence[Shape]], Optional[str]]
_WEIGHT = 1


def misfit(type_name: str, args: Mapping[str, Any], shapes: Sequence[Shape]) -> Optional[str]:
    """Returns what does not fit in the shapes of a function's inputs, None if all does.

    Args:
        type_name: Type of the function.
        args: Its arguments.
        shapes: Shapes of its inputs.

    Example:
        >>> misfit("Affine", {"base_axis": 1}, [(1, 4), (4, 3), (4, 3)])
        'has a bias of the shape (4, 3) for 3 outputs'
    """
    rule = _RULES.get(type_name)
    return None if rule is None or len(shapes) <= _WEIGHT else rule(args, shapes)


def _rows(
    args: Mapping[str, Any], shapes: Sequence[Shape], bias: int, binary: bool = False
) -> Optional[str]:
    """A layer whose weight has a row for each output."""
    return _layer(shapes, bias, math.prod(shapes[_WEIGHT][:1]), binary)


def _columns(
    args: Mapping[str, Any], shapes: Sequence[Shape], bias: int, binary: bool = False
) -> Optional[str]:
    """A layer whose weight has a column for each output."""
    return _layer(shapes, bias, math.prod(shapes[_WEIGHT][1:]), binary)


def _layer(shapes: Sequence[Shape], bias: int, outputs: int, binary: bool) -> Optional[str]:
    if binary and len(shapes) > 2 and shapes[2] != shapes[_WEIGHT]:
        return f"has binary weights of the shape {shapes[2]} for weights of {shapes[_WEIGHT]}"
    if len(shapes) > bias and math.prod(shapes[bias]) != outputs:
        return f"has a bias of the shape {shapes[bias]} for {outputs} outputs"
    return None


def _deconvolution(args: Mapping[str, Any], shapes: Sequence[Shape]) -> Optional[str]:
    x, weight = shapes[0], shapes[_WEIGHT]
    last = bool(args.get("channel_last"))
    channels = x[-1:] if last else x[int(args["base_axis"]) :][:1]
    if channels != weight[:1]:
        return f"takes inputs of the shape {x} with a weight of {weight}"
    outputs = weight[-1:] if last else weight[1:2]
    return _layer(shapes, 2, math.prod(outputs) * int(args["group"]), False)


def _groups(args: Mapping[str, Any], shapes: Sequence[Shape]) -> Optional[str]:
    x, groups, axis = shapes[0], int(args["num_groups"]), int(args["channel_axis"])
    if -len(x) <= axis < len(x) and groups > 0 and x[axis] % groups == 0:
        return None
    return f"makes {groups} groups of axis {axis} of the shape {x}"


_RULES: Dict[str, Rule] = {
    "Convolution": partial(_rows, bias=2),
    "DepthwiseConvolution": partial(_rows, bias=2),
    "INQConvolution": partial(_rows, bias=3),
    "BinaryConnectConvolution": partial(_rows, bias=3, binary=True),
    "BinaryWeightConvolution": partial(_rows, bias=4, binary=True),
    "Affine": partial(_columns, bias=2),
    "INQAffine": partial(_columns, bias=3),
    "BinaryConnectAffine": partial(_columns, bias=3, binary=True),
    "BinaryWeightAffine": partial(_columns, bias=4, binary=True),
    "Deconvolution": _deconvolution,
    "GroupNormalization": _groups,
}
