# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The tensors of a network in whole numbers, and what makes floats of them.

A tensor is a Variable of floats, or one of the classes here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Tuple, Union

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.graph.constants import beside, constant

CHANNELS = 1


@dataclass(frozen=True)
class IntegerTensor:
    """A tensor times a scale; its values lie on a grid, unless it is an average of such.

    Args:
        variable: The codes.
        scale: value = scale * code; positive.
    """

    variable: nn.Variable
    scale: float


@dataclass(frozen=True)
class Parts:
    """Integer tensors side by side along the channels, each with a scale of its own."""

    codes: Tuple[IntegerTensor, ...]


@dataclass(frozen=True)
class Sums:
    """What a layer has added up.

    Args:
        variable: The sums, their channels along axis ``axis``.
        scale: float64, (channels,).
        shift: What is added to the scaled sums, float64, (channels,).
        axis: The axis of the channels.
        path: Path of the layer's weight; scale and shift are named beside it.
        shape: Shape that the result takes, if it is another one.
    """

    variable: nn.Variable
    scale: np.ndarray
    shift: np.ndarray
    axis: int
    path: str
    shape: Optional[Tuple[int, ...]] = None


Tensor = Union[nn.Variable, IntegerTensor, Parts, Sums]


def to_float(tensor: Tensor) -> nn.Variable:
    """Returns the values of a tensor.

    Example:
        >>> y = to_float(IntegerTensor(nn.Variable((2, 3)), 0.25))
        >>> y.parent.info.type_name, y.parent.info.args["val"]
        ('MulScalar', 0.25)
    """
    if isinstance(tensor, nn.Variable):
        return tensor
    if isinstance(tensor, IntegerTensor):
        if tensor.scale == 1:
            return tensor.variable
        return F.mul_scalar(tensor.variable, float(np.float32(tensor.scale)))
    if isinstance(tensor, Parts):
        return F.concatenate(*(to_float(codes) for codes in tensor.codes), axis=CHANNELS)
    y = tensor.variable
    along = [1] * y.ndim
    along[tensor.axis] = -1
    scale, shift = tensor.scale.astype(np.float32), tensor.shift.astype(np.float32)
    if np.any(scale != scale[0]):
        y = F.mul2(y, constant(scale.reshape(along), beside(tensor.path, "scale")))
    elif scale[0] != 1:
        y = F.mul_scalar(y, float(scale[0]))
    if np.any(shift != 0):
        y = F.add2(y, constant(shift.reshape(along), beside(tensor.path, "b")))
    return y if tensor.shape is None else F.reshape(y, tensor.shape, inplace=False)
