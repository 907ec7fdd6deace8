# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the compressed layers share: hooks, and the parameters of a depthwise convolution."""

from __future__ import annotations

from typing import Any, Callable, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np
from nnabla.initializer import ConstantInitializer, UniformInitializer, calc_uniform_lim_glorot
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.quantizers.base import Quantizer

Hook = Optional[Callable[[nn.Variable], nn.Variable]]
Sizes = Optional[Sequence[int]]


def composed(quantizer: Quantizer, then: Hook) -> Callable[[nn.Variable], nn.Variable]:
    """Returns a hook that quantizes a parameter and then does what the user asked for."""

    def apply(parameter: nn.Variable) -> nn.Variable:
        quantized = quantizer(parameter)
        return quantized if then is None else then(quantized)

    return apply


def depthwise_parameters(
    inp: nn.Variable,
    kernel: Sequence[int],
    multiplier: int,
    w_init: Any,
    b_init: Any,
    base_axis: int,
    fix_parameters: bool,
    rng: Optional[np.random.RandomState],
    with_bias: bool,
) -> Tuple[nn.Variable, Optional[nn.Variable]]:
    """Returns W and b as ``PF.depthwise_convolution`` makes them, which has no ``apply_w``."""
    inmaps = inp.shape[base_axis]
    outmaps = inmaps * multiplier
    if w_init is None:
        limits = calc_uniform_lim_glorot(outmaps, inmaps, tuple(kernel))
        w_init = UniformInitializer(limits, rng=rng)
    trained = not fix_parameters
    weight = get_parameter_or_create("W", (outmaps, *kernel), w_init, True, trained)
    bias = None
    if with_bias:
        if b_init is None:
            b_init = ConstantInitializer()
        bias = get_parameter_or_create("b", (outmaps,), b_init, True, trained)
    return weight, bias
