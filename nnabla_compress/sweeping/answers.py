# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which points of a sweep are worth it: at each size, the one to train and how to compress it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Optional, Sequence

from nnabla_compress.sweeping.points import Row


@dataclass(frozen=True)
class Answer:
    """The best point within a budget.

    Args:
        budget: Most bytes of packed weights.
        row: The point with the highest accuracy on validation samples; None if none is so small.
    """

    budget: float
    row: Optional[Row]


def pareto(rows: Sequence[Row], cost: str = "bytes") -> List[Row]:
    """Returns the points that no other one beats, from the smallest up.

    Args:
        rows: Points; those that failed don't count.
        cost: What is to be small: ``bytes`` or ``macs``.

    Returns:
        Each with a higher accuracy on validation samples than all that cost no more.

    Example:
        >>> rows = [
        ...     Row("a", "float", "", 1, validation=0.9, bytes=100),
        ...     Row("b", "float", "", 1, validation=0.8, bytes=200),
        ...     Row("b", "2 bits", "", 1, validation=0.7, bytes=20),
        ... ]
        >>> [row.name for row in pareto(rows)]
        ['b, 2 bits', 'a, float']
    """
    known = [row for row in rows if row.validation is not None and getattr(row, cost) is not None]
    front: List[Row] = []
    for row in sorted(known, key=lambda row: (getattr(row, cost), -_accuracy(row))):
        if not front or _accuracy(row) > _accuracy(front[-1]):
            front.append(row)
    return front


def answers(rows: Sequence[Row], budgets: Optional[Sequence[float]] = None) -> List[Answer]:
    """Returns what to train, and how to compress it, for each budget.

    Args:
        rows: Points.
        budgets: Bytes of packed weights; None: from the smallest point's up to the largest's,
            doubled each time.
    """
    front = pareto(rows)
    if budgets is None:
        sizes = [row.bytes for row in front if row.bytes]
        budgets = []
        if sizes:
            size = float(min(sizes))
            while size < 2 * max(sizes):
                budgets.append(size)
                size *= 2
    found = []
    for budget in budgets:
        within = [row for row in front if row.bytes is not None and row.bytes <= budget]
        found.append(Answer(budget, within[-1] if within else None))
    return found


def _accuracy(row: Row) -> float:
    return -1.0 if row.validation is None else row.validation
