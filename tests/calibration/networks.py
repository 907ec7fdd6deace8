# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A small network with everything that post-training quantization meets, and samples for it."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

SHAPE = (3, 8, 8)


def residual(x: nn.Variable) -> nn.Variable:
    """Batch normalizations, a depthwise layer, a residual sum, pooling, two layers at last."""

    def block(h, maps, name):
        h = PF.convolution(h, maps, (3, 3), pad=(1, 1), with_bias=False, name=name)
        return F.relu(PF.batch_normalization(h, batch_stat=False, name=name))

    h = block(x, 8, "c1")
    g = F.relu(PF.depthwise_convolution(h, (3, 3), pad=(1, 1), name="dw"))
    h = F.relu(F.add2(block(g, 8, "c2"), h))
    h = block(F.max_pooling(h, (2, 2)), 12, "c3")
    h = F.average_pooling(h, h.shape[2:])
    return PF.affine(F.relu(PF.affine(h, 16, name="f1")), 5, name="f2")


def trained(seed: int = 0, build=residual):
    """The network with parameters that are not the initial ones; its input and its output."""
    x = nn.Variable((2, *SHAPE))
    y = build(x)
    rng = np.random.RandomState(seed)
    for name, parameter in sorted(nn.get_parameters(grad_only=False).items()):
        if name.endswith("/var"):
            parameter.d = rng.uniform(0.5, 2, parameter.shape)
        elif name.endswith(("/gamma",)):
            parameter.d = np.exp(0.5 * rng.randn(*parameter.shape))
        elif name.endswith(("/b", "/beta", "/mean")):
            parameter.d = 0.2 * rng.randn(*parameter.shape)
    return x, y


def samples(count: int = 96, seed: int = 1) -> np.ndarray:
    """Smooth random images, so that neighbouring inputs go together."""
    rng = np.random.RandomState(seed)
    noise = rng.randn(count, *SHAPE)
    smooth = noise + np.roll(noise, 1, 2) + np.roll(noise, 1, 3) + rng.randn(count, 1, 1, 1)
    return smooth.astype(np.float32)
