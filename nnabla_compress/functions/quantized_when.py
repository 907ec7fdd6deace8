# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A quantized weight, or the float one behind it, as a Variable says."""

from __future__ import annotations

from typing import List

import nnabla as nn
import numpy as np

from nnabla_compress.functions.node import ArgumentsFunction
from nnabla_compress.quantizers.engine import add_gradient, host_array


class QuantizedWhen(ArgumentsFunction):
    """The node: the values, and the gradient, of its first or of its second input."""

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        outputs[0].reset_shape(inputs[0].shape, True)

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        taken = host_array(inputs[_taken(inputs)].data, np.float32)
        host_array(outputs[0].data, np.float32, overwrite=True)[...] = taken

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        taken, dy = _taken(inputs), host_array(outputs[0].grad, np.float32)
        for i in (0, 1):
            if propagate_down[i] and (i == taken or not accum[i]):
                add_gradient(dy if i == taken else np.zeros_like(dy), inputs[i], accum[i])


def quantized_when(quantized: nn.Variable, weight: nn.Variable, when: nn.Variable) -> nn.Variable:
    """Returns a quantized weight where a Variable says so, the float one elsewhere.

    Args:
        quantized: What a quantizer makes of the weight.
        weight: The weight.
        when: Shape (1,): 1 for the quantized weight, 0 for the other. It gets no gradient.

    Returns:
        A Variable of the shape of ``weight``; the gradient goes to what was taken.

    Example:
        >>> from nnabla_compress.quantizers import Uniform
        >>> nn.clear_parameters()
        >>> w = nn.Variable.from_numpy_array(np.float32([0.3, 1.1]))
        >>> when = nn.Variable.from_numpy_array(np.float32([0]))
        >>> y = quantized_when(Uniform(bits=2, initial_step=1)(w), w, when)
        >>> y.forward(); first = y.d.tolist(); when.d = 1; y.forward()
        >>> [round(v, 3) for v in first], y.d.tolist()
        ([0.3, 1.1], [0.0, 1.0])
    """
    return QuantizedWhen({})(quantized, weight, when)


def _taken(inputs: List[nn.Variable]) -> int:
    return 0 if float(host_array(inputs[2].data, np.float32)[0]) > 0.5 else 1
