# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A sampler that draws."""

from __future__ import annotations

from typing import List, Sequence, Set

import numpy as np

from nnabla_compress.search.bit_sampler import BitSampler
from nnabla_compress.search.sampler import register_sampler
from nnabla_compress.search.space import Bits, Space
from nnabla_compress.search.walk import Walk

_BATCH = 16


@register_sampler("random")
class Random(BitSampler):
    """Draws bits for each layer, all alike, and nothing twice.

    Args:
        evaluations: How many to draw; None: 100.
    """

    def walks(self, space: Space, seed: int) -> Sequence[Walk]:
        """Returns one walk."""
        return [_walk(space, seed, min(self.evaluations or 100, space.size))]


def _walk(space: Space, seed: int, count: int) -> Walk:
    random = np.random.RandomState(seed)
    drawn: Set[Bits] = set()
    while len(drawn) < count:
        batch: List[Bits] = []
        while len(batch) < _BATCH and len(drawn) < count:
            bits = tuple(own[random.randint(len(own))] for own in space.choices)
            if bits not in drawn:
                drawn.add(bits)
                batch.append(bits)
        yield batch
