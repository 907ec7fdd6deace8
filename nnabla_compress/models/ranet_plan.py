# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The structure of a RANet: blocks of its sub-networks, their layers, where maps get smaller."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

import nnabla as nn

from nnabla_compress.errors import ConfigError

SHARE = 4
"""Of what a layer adds, one part in so many comes from the sub-network before."""


@dataclass(frozen=True)
class RanetPlan:
    """The options of a network, and what follows from them.

    Sub-networks count from 0, blocks from 1.

    Args:
        maps: As of :func:`~nnabla_compress.models.ranet.ranet`, like the others.
        growth: Likewise.
        step: Likewise.
        steps: Likewise.
        scales: Likewise.
        factors: Likewise.
        blocks: Likewise.
        more_blocks: Likewise.

    Example:
        >>> plan = RanetPlan(16, 6, 2, "lg", (1, 2, 3), (4, 2, 1), 2, 2)
        >>> [plan.count(number) for number in range(3)], [plan.layers(n) for n in (1, 2, 3)]
        ([2, 4, 6], [2, 4, 6])
    """

    maps: int
    growth: int
    step: int
    steps: str
    scales: Tuple[int, ...]
    factors: Tuple[int, ...]
    blocks: int
    more_blocks: int

    def check(self, x: nn.Variable) -> None:
        """Refuses options out of range, and inputs that the network can't take.

        Args:
            x: The input.

        Raises:
            ConfigError: For the first such option, or for the input.
        """
        for name in ("maps", "growth", "step", "blocks", "more_blocks"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ConfigError(f"ranet: {name} is {value!r}.", help="give a whole number from 1")
        if self.steps not in ("lg", "even"):
            raise ConfigError(f"ranet: steps is {self.steps!r}.", help="choose lg or even")
        rises = [b - a for a, b in zip(self.scales, self.scales[1:])]
        if self.scales[:1] != (1,) or not set(rises) <= {0, 1}:
            raise ConfigError(
                f"ranet: scales are {list(self.scales)}.",
                help="begin with 1; each is the one before or one more, such as 1, 2, 3, 3",
            )
        whole = all(isinstance(factor, int) and factor > 0 for factor in self.factors)
        if len(self.factors) != len(self.scales) or not whole:
            raise ConfigError(
                f"ranet: factors are {list(self.factors)} for {len(self.scales)} scales.",
                help="give a whole number from 1 for each scale",
            )
        fused = min((self.growth * factor for factor in self.factors[1:]), default=SHARE)
        if fused < SHARE:
            raise ConfigError(
                f"ranet: layers of a sub-network add {fused} channels, a quarter of which comes "
                "from the one before.",
                help="give a growth that is 4 or more with each factor",
            )
        least = 2 ** (self.scales[-1] - 1)
        if x.ndim != 4 or min(x.shape[2:]) < least or any(side % least for side in x.shape[2:]):
            raise ConfigError(
                f"ranet needs images (B, C, H, W) with sides divisible by {least}, the input has "
                f"the shape {x.shape}.",
                help="use fewer scales, or another model",
            )

    def count(self, number: int) -> int:
        """Returns the blocks of a sub-network."""
        return self.blocks + self.more_blocks * number

    def layers(self, block: int) -> int:
        """Returns the layers of a block, the same in all sub-networks."""
        return self.step * block if self.steps == "lg" else self.step

    def halves(self, number: int, block: int) -> bool:
        """Returns whether the last layer of a block halves the maps: where one before it ended."""
        ends = [self.count(earlier) for earlier in range(number)]
        kept = self.scales[number] - 1
        return kept > 0 and block in ends[-kept:]

    def compresses(self, number: int, block: int) -> bool:
        """Returns whether a block gives half of its channels on."""
        scale, count = self.scales[number], self.count(number)
        return block in [(part + 1) * count // scale for part in range(scale - 1)]
