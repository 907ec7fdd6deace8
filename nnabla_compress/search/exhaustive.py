# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A sampler that tries all there is."""

from __future__ import annotations

from itertools import islice
from typing import Sequence

from nnabla_compress.search.bit_sampler import BitSampler
from nnabla_compress.search.sampler import register_sampler
from nnabla_compress.search.space import Space
from nnabla_compress.search.walk import Walk

# Candidates that are proposed together.
_BATCH = 64


@register_sampler("exhaustive")
class Exhaustive(BitSampler):
    """Tries all bits of all layers, from the fewest to the most.

    Example:
        >>> (walk,) = Exhaustive(bits=[2, 4]).walks(Space.of(["a", "b"], [2, 4]), 0)
        >>> next(walk)
        [(2, 2), (2, 4), (4, 2), (4, 4)]
    """

    def walks(self, space: Space, seed: int) -> Sequence[Walk]:
        """Returns one walk through all of them."""
        return [_walk(space)]


def _walk(space: Space) -> Walk:
    every = iter(space)
    while True:
        batch = list(islice(every, _BATCH))
        if not batch:
            return
        yield batch
