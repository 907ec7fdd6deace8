# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A sampler that changes one layer at a time as long as that is for the better."""

from __future__ import annotations

from typing import List, Literal, Sequence

from nnabla_compress.search.bit_sampler import BitSampler
from nnabla_compress.search.sampler import register_sampler
from nnabla_compress.search.space import Bits, Space
from nnabla_compress.search.walk import Outcome, Walk, best_of


@register_sampler("greedy")
class Greedy(BitSampler):
    """Begins with the most bits and changes one layer at a time until nothing is better.

    Args:
        moves: What one change may be: ``step`` to the next bit width, up or down, of whichever
            layer gains most; ``any`` to whichever width of whichever layer; ``coordinate`` to the
            best width of one layer after the other.
    """

    moves: Literal["step", "any", "coordinate"] = "step"

    def walks(self, space: Space, seed: int) -> Sequence[Walk]:
        """Returns one walk."""
        if self.moves == "coordinate":
            return [_by_coordinates(space)]
        return [_steepest(space, self.moves == "step")]


def _steepest(space: Space, to_next: bool) -> Walk:
    (best,) = yield [space.most]
    while True:
        numbers = range(len(space.layers))
        batch = [bits for n in numbers for bits in _changed(space, best.bits, n, to_next)]
        outcomes = yield batch
        found = best_of([best, *outcomes])
        if found.reward <= best.reward:
            return
        best = found


def _by_coordinates(space: Space) -> Walk:
    (best,) = yield [space.most]
    unchanged = 0
    while unchanged < len(space.layers):
        for number in range(len(space.layers)):
            before: Outcome = best
            outcomes = yield _changed(space, best.bits, number, False)
            best = best_of([best, *outcomes])
            unchanged = unchanged + 1 if best.bits == before.bits else 0


def _changed(space: Space, bits: Bits, layer: int, to_next: bool) -> List[Bits]:
    own = space.choices[layer]
    at = own.index(bits[layer])
    widths = [w for n, w in enumerate(own) if n != at and (not to_next or abs(n - at) == 1)]
    return [space.with_one(bits, layer, width) for width in widths]
