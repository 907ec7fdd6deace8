# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Nodes whose gradient goes to their tensor unchanged (straight-through)."""

from __future__ import annotations

from typing import List

import nnabla as nn
import nnabla.functions as F

from nnabla_compress.quantizers.base import QuantizerFunction, pass_gradient


class StraightThrough(QuantizerFunction):
    """A node that hands its gradient on to its first input as it is."""

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if propagate_down[0]:
            pass_gradient(self, inputs[0], outputs[0], accum[0])


def with_gradient_to(weight: nn.Variable, values: nn.Variable) -> nn.Variable:
    """Returns values whose gradient goes to a weight, by NNabla's functions: W - W adds it.

    Args:
        weight: The weight.
        values: What stands for it, in its shape, without a way back to it.

    Example:
        >>> w = nn.Variable.from_numpy_array([1.5])
        >>> w.need_grad = True
        >>> y = with_gradient_to(w, nn.Variable.from_numpy_array([2.0]))
        >>> y.forward(); y.backward()
        >>> y.d.tolist(), w.g.tolist()
        ([2.0], [1.0])
    """
    constant = F.identity(weight)
    constant.need_grad = False
    return values + (weight - constant)
