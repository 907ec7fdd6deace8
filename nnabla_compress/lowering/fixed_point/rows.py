# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Convolutions over many channels as convolutions over one, which integer kernels sum exactly.

The integer convolution of the C runtime shifts and saturates the sum of each input channel by
itself: 64 channels lose 64 times up to one step. With the rows of all channels interleaved in one
map, ``rows[y C + c] = x[c, y]``, the same products are one window of ``k C`` rows, moved by
``s C`` rows, which the kernel sums exactly and shifts once::

    x (N, C, H, W)  -> transpose, reshape ->  (N, 1, H C, W)
    W (O, C, kh, kw) ------------------->  (O, 1, kh C, kw),  stride (sh C, sw),  pad (ph C, pw)
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.graph.constants import constant

_PRODUCT_BITS = 14  # of two 8-bit numbers, without the sign
_SUM_BITS = 31

Interleaved = Dict[Tuple[nn.Variable, int], nn.Variable]


def interleaved_convolution(
    function: Any, inputs: Sequence[nn.Variable], known: Interleaved
) -> Optional[List[nn.Variable]]:
    """Returns a convolution that sums over all its input channels at once.

    Args:
        function: A Convolution of a graph.
        inputs: Its inputs in the new graph, with a weight that is a parameter.
        known: Inputs that are interleaved already, by variable and group; new ones are added.

    Returns:
        The variables on the way, the output last. None where the convolution has one channel a
        group, dilated rows, three dimensions, or products that would not fit the kernel's sum.

    Example:
        >>> from nnabla_compress.graph import functions
        >>> x, w = nn.Variable((1, 2, 3, 3)), nn.Variable((4, 2, 3, 3))
        >>> y = interleaved_convolution(F.convolution(x, w, pad=(1, 1)).parent, [x, w], {})[-1]
        >>> [f.info.type_name for f in functions([y])], y.shape, y.parent.info.args["stride"]
        (['Transpose', 'Reshape', 'Convolution'], (1, 4, 3, 3), [2, 1])
    """
    args = function.info.args
    x, weight = inputs[:2]
    group, channels, kernel = args["group"], weight.shape[1], weight.shape[2:]
    fits = weight.size // weight.shape[0] < 2 ** (_SUM_BITS - _PRODUCT_BITS)
    if channels == 1 or not fits or args["base_axis"] != 1 or x.ndim not in (3, 4):
        return None
    if x.ndim == 4 and args["dilation"][0] != 1:
        return None
    made = []
    if (x, group) not in known:
        made = _interleave(x, group)
        known[x, group] = made[-1]
    if x.ndim == 3:
        kernel, stride, pad, dilation = (
            (1, *kernel),
            (1, *args["stride"]),
            (0, *args["pad"]),
            (1, *args["dilation"]),
        )
    else:
        stride, pad, dilation = args["stride"], args["pad"], args["dilation"]
    # (O, C, kh, kw) -> rows y C + c.
    values = np.array(weight.d).reshape(weight.shape[0], channels, *kernel).transpose(0, 2, 1, 3)
    rows = constant(
        values.reshape(weight.shape[0], 1, kernel[0] * channels, kernel[1]), weight.name
    )
    y = F.convolution(
        known[x, group],
        rows,
        *inputs[2:],
        pad=(pad[0] * channels, pad[1]),
        stride=(stride[0] * channels, stride[1]),
        dilation=(1, dilation[1]),
        group=group,
    )
    made.append(y)
    if x.ndim == 3:
        made.append(F.reshape(y, (*y.shape[:2], y.shape[3]), inplace=False))
    return made


def _interleave(x: nn.Variable, group: int) -> List[nn.Variable]:
    """Returns the variables on the way to (N, group, H C / group, W)."""
    batch, channels = x.shape[0], x.shape[1] // group
    made: List[nn.Variable] = []

    def reshape(*shape: int) -> nn.Variable:
        made.append(F.reshape(made[-1] if made else x, shape, inplace=False))
        return made[-1]

    if x.ndim == 3:
        reshape(batch, group, channels, x.shape[2])
        return made
    height, width = x.shape[2:]
    if group == 1:
        made.append(F.transpose(x, (0, 2, 1, 3)))
    else:
        made.append(F.transpose(reshape(batch, group, channels, height, width), (0, 1, 3, 2, 4)))
    reshape(batch, group, height * channels, width)
    return made
