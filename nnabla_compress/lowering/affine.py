# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Fully connected layers whose weights are stored as codes.

As convolutions their weights may be computed by other functions; as Affines on INT8 codes they need
no memory for decoded weights.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Optional, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.graph.constants import constant
from nnabla_compress.lowering.moved import moved
from nnabla_compress.lowering.storage import weight_path


def kernel_shape(function: Any) -> Tuple[Tuple[int, ...], Tuple[int, ...]]:
    """Returns how the weight of an Affine becomes the kernel of a convolution.

    Args:
        function: An Affine whose weight has the shape (inputs, *outputs).

    Returns:
        The weight's axes in their new order, and the shape of the kernel: that of the input map if
        the Affine reads maps, else 1 x 1.

    Example:
        >>> y = F.affine(nn.Variable((1, 4, 2, 2)), nn.Variable((16, 3)))
        >>> kernel_shape(y.parent)
        ((1, 0), (3, 4, 2, 2))
    """
    x, weight = function.inputs[:2]
    base_axis = _base_axis(function)
    maps = tuple(x.shape[base_axis:])
    if base_axis != 1 or len(maps) != 3:
        maps = (int(weight.shape[0]), 1, 1)
    return (*range(1, weight.ndim), 0), (int(np.prod(weight.shape[1:])), *maps)


def kernel_encoding(
    weight: nn.Variable, encoding: Encoding, axes: Tuple[int, ...], shape: Tuple[int, ...]
) -> Optional[Encoding]:
    """Returns how the weight of an Affine is stored as a kernel.

    Args:
        weight: The weight.
        encoding: Its codes.
        axes: Its axes in their new order, as :func:`kernel_shape` says.
        shape: Shape of the kernel, likewise.

    Returns:
        The encoding of the kernel; None if scales are along the inputs.
    """
    if encoding.axis is None or (encoding.axis, weight.ndim) == (1, 2):
        codes = encoding.codes.transpose(axes).reshape(shape)
        return replace(encoding, codes=codes, axis=None if encoding.axis is None else 0)
    if encoding.axis == 0:
        return None
    # Of several axes of outputs the scales may go along one.
    transposed = moved(encoding, F.transpose(weight, axes).parent)
    if transposed is None:
        return None
    before = nn.Variable(transposed[0].codes.shape)
    reshaped = moved(transposed[0], F.reshape(before, shape, inplace=False).parent)
    return None if reshaped is None else reshaped[0]


def affine_as_convolution(
    function: Any, x: nn.Variable, kernel: nn.Variable, bias: Optional[nn.Variable]
) -> nn.Variable:
    """Returns what an Affine computes, by a convolution whose kernel covers the whole input.

    Converters transpose the weight of an Affine in place, so it can't be computed; that of a
    convolution can.

    Args:
        function: The Affine.
        x: What takes the place of its input.
        kernel: Its weight in the shape that ``kernel_shape`` tells.
        bias: Its bias, None if there is none.

    Returns:
        The output, of the Affine's shape.
    """
    maps = tuple(kernel.shape[1:])
    base_axis = _base_axis(function)
    if base_axis != 1 or tuple(x.shape[1:]) != maps:
        x = F.reshape(x, (int(np.prod(x.shape[:base_axis])), *maps), inplace=False)
    if bias is not None and bias.ndim != 1:
        bias = F.reshape(bias, (int(bias.size),), inplace=False)
    y = F.convolution(x, kernel, bias)
    shape = (*x.shape[:1], *function.outputs[0].shape[1:])
    if base_axis != 1:
        shape = function.outputs[0].shape
    return F.reshape(y, shape, inplace=False)


def affine_on_codes(
    function: Any,
    x: nn.Variable,
    codes: nn.Variable,
    scale: np.ndarray,
    bias: Optional[nn.Variable],
) -> nn.Variable:
    """Returns what an Affine computes, scaled behind the sums: ``(x codes) scale + bias``.

    The C runtime reads the codes as they are stored, so no decoded weight takes memory.

    Args:
        function: The Affine.
        x: What takes the place of its input.
        codes: Integers of the shape of its weight.
        scale: A scalar, or one number for each output.
        bias: Its bias, None if there is none.

    Returns:
        The output, of the Affine's shape.

    Example:
        >>> x, codes = nn.Variable((2, 4)), nn.Variable((4, 3))
        >>> y = affine_on_codes(F.affine(x, codes).parent, x, codes, np.float32(0.5), None)
        >>> y.parent.info.type_name, y.shape
        ('MulScalar', (2, 3))
    """
    base_axis = _base_axis(function)
    y = F.affine(x, codes, base_axis=base_axis)
    per_output = (*[1] * base_axis, *codes.shape[1:])
    if scale.ndim == 0:
        y = F.mul_scalar(y, float(scale))
    else:
        scales = constant(scale.reshape(per_output), _beside(codes, "scale"), need_grad=False)
        y = F.mul2(y, scales)
    if bias is None:
        return y
    return F.add2(y, constant(bias.d.reshape(per_output), bias.name))


def _beside(codes: nn.Variable, part: str) -> str:
    return f"{weight_path(codes.name)}_{part}"


def _base_axis(function: Any) -> int:
    base_axis = int(function.info.args["base_axis"])
    return base_axis + function.inputs[0].ndim if base_axis < 0 else base_axis
