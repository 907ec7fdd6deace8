# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Searches as walks: each proposes some bits, hears what came of them, and goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generator, List, Optional, Sequence

from nnabla_compress.search.space import Bits


@dataclass(frozen=True)
class Outcome:
    """What came of bits.

    Args:
        bits: Bits of each layer.
        accuracy: Accuracy as a part of the float network's; None where they were not evaluated or
            the evaluation failed.
        reward: What the search is after.
    """

    bits: Bits
    accuracy: Optional[float]
    reward: float

    @property
    def relative(self) -> float:
        """The accuracy, 0 where there is none."""
        return 0.0 if self.accuracy is None else self.accuracy


Walk = Generator[List[Bits], List[Outcome], None]
"""Gives bits to try together, gets an outcome for each of them."""


def best_of(outcomes: Sequence[Outcome]) -> Outcome:
    """Returns the outcome with the largest reward, of equal ones that with the fewest bits.

    Args:
        outcomes: At least one.
    """
    return min(outcomes, key=lambda each: (-each.reward, sum(each.bits), each.bits))
