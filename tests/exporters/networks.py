# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Random quantized networks: convolutions of all kinds, residuals, concatenations, poolings."""

from __future__ import annotations

from typing import Any, Tuple

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
from nnabla.initializer import NormalInitializer
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.quantizers import LUT, Uniform
from tests.properties import seed_nnabla


class Builder:
    """Adds layers whose kinds a seeded generator chooses."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.RandomState(seed)
        self.count = 0

    def pick(self, *choices: Any) -> Any:
        """One of several."""
        return choices[self.rng.randint(len(choices))]

    def name(self, kind: str) -> str:
        """A name that is not taken."""
        self.count += 1
        return f"{kind}{self.count}"

    def weight(self, axis: int = 0) -> Any:
        """A quantizer whose values lie on a grid."""
        bits = int(self.rng.randint(2, 9))
        return self.pick(
            Uniform(bits=bits),
            Uniform(bits=bits, axis=axis, learn="qmax"),
            Uniform(bits=bits, step="pow2"),
            LUT(bits=self.pick(2, 3, 4), grid_bits=8),
            LUT(bits=self.pick(2, 3, 4), dictionary="pow2"),
            LUT(dictionary="ternary"),
            LUT(dictionary="binary"),
        )

    def quantized(self, x: nn.Variable) -> nn.Variable:
        """An activation, mostly behind a ReLU, in few bits."""
        bits = int(self.rng.randint(2, 9))
        with nn.parameter_scope(self.name("a")):
            if self.rng.rand() < 0.25:
                return Uniform(bits=bits)(x)
            return Uniform(bits=bits, signed=False, step=self.pick("real", "pow2"))(F.relu(x))

    def convolution(self, x: nn.Variable, channels: int = 0) -> nn.Variable:
        """A convolution that keeps the size of the map if ``channels`` are given."""
        maps = x.shape[1]
        if channels:
            kernel = self.pick(1, 3)
            return PF.convolution(
                x,
                channels,
                (kernel, kernel),
                pad=(kernel // 2,) * 2,
                apply_w=self.weight(),
                name=self.name("c"),
                with_bias=self.pick(True, False),
            )
        group = self.pick(1, 1, 2) if maps % 2 == 0 else 1
        return PF.convolution(
            x, group * self.pick(2, 3), (self.pick(1, 3), self.pick(1, 2, 3)),
            pad=(self.pick(1, 2), self.pick(1, 2)), stride=(self.pick(1, 2), self.pick(1, 2)),
            dilation=(self.pick(1, 2), 1), group=group, apply_w=self.weight(),
            name=self.name("c"), b_init=NormalInitializer(0.3, self.rng),
        )  # fmt: skip

    def block(self, x: nn.Variable) -> nn.Variable:
        """One of the things that networks consist of."""
        kind = self.rng.randint(6)
        if kind == 0:
            h = self.quantized(self.convolution(x, x.shape[1]))
            return self.quantized(F.add2(x, self.convolution(h, x.shape[1])))
        if kind == 1:
            parts = [self.quantized(self.convolution(x, self.pick(2, 4))) for _ in range(2)]
            return F.concatenate(*parts, axis=1)
        if kind == 2 and min(x.shape[2:]) >= 2:
            pool = self.pick(F.max_pooling, F.average_pooling)
            return pool(x, (2, 2), ignore_border=self.pick(True, False))
        if kind == 3:
            times = self.pick(1, 2)
            with nn.parameter_scope(self.name("d")):
                shape = (x.shape[1] * times, 3, 3)
                w = get_parameter_or_create("W", shape, NormalInitializer(0.3, self.rng))
                y = F.depthwise_convolution(x, self.weight()(w), pad=(1, 1), multiplier=times)
            return self.quantized(y)
        return self.quantized(self.convolution(x))


def random_network(seed: int) -> Tuple[nn.Variable, nn.Variable]:
    """Returns the input and the output of a network, its quantizers ready.

    Args:
        seed: Which one; it seeds NNabla's generators, too.
    """
    seed_nnabla(seed + 1)
    builder = Builder(seed)
    x = nn.Variable((1, builder.pick(1, 2, 4), builder.pick(6, 7, 9), builder.pick(6, 8)))
    x.d = builder.rng.randn(*x.shape)
    with nn.parameter_scope("in"):
        h = Uniform(bits=8)(x)
    for _ in range(builder.rng.randint(1, 5)):
        h = builder.block(h)
    if builder.rng.rand() < 0.5:
        h = F.average_pooling(h, h.shape[2:])
    if builder.rng.rand() < 0.5:
        h = builder.quantized(
            PF.affine(h, 5, apply_w=builder.weight(axis=1), name=builder.name("f"))
        )
    y = PF.affine(h, 3, apply_w=LUT(bits=2, grid_bits=6), name="out")
    y.forward()
    return x, y
