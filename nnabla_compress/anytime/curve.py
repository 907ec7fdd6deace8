# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Accuracy over operations: of each exit alone, and of samples that leave when one is confident."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.anytime.thresholds import find_thresholds, leave
from nnabla_compress.errors import InfeasibleBudgetError

_RATIOS = tuple(number / 20 for number in range(1, 40))  # those of the papers
_MORE_RATIOS = tuple(np.geomspace(1 / 64, 64, 385))  # from nearly all at the first to at the last


class Answers(NamedTuple):
    """What all exits made of some samples.

    Args:
        confidence: (exits, samples).
        right: Whether the answer is right, (exits, samples).
    """

    confidence: np.ndarray
    right: np.ndarray


@dataclass(frozen=True)
class ExitPoint:
    """An exit by itself: what all samples come to if all leave there.

    Args:
        name: Of the exit.
        operations: For one sample, all before the exit included.
        parameters: That it needs, likewise.
        accuracy: 0 to 1.
    """

    name: str
    operations: int
    parameters: int
    accuracy: float


@dataclass(frozen=True)
class BudgetPoint:
    """Samples that leave at the first exit that is confident enough.

    Args:
        ratio: Of the shares of one exit and the one before it; None where all leave at one exit.
        thresholds: Confidence at which samples leave, for each exit but the last.
        operations: Mean of the samples that are scored.
        accuracy: Of these, 0 to 1.
        shares: Which part of them left at each exit.
        validation_operations: Mean of the samples that the thresholds were found on.
        validation_accuracy: Of these.
    """

    ratio: Optional[float]
    thresholds: Tuple[float, ...]
    operations: float
    accuracy: float
    shares: Tuple[float, ...]
    validation_operations: float
    validation_accuracy: float

    def as_dict(self) -> Dict[str, Any]:
        """Returns JSON values."""
        return {**vars(self), "thresholds": list(self.thresholds), "shares": list(self.shares)}


def budget_point(
    validation: Answers, scored: Answers, operations: Sequence[int], ratio: float
) -> BudgetPoint:
    """Finds thresholds on some samples, and applies them to others.

    Args:
        validation: The samples that thresholds are found on.
        scored: Those that they are applied to.
        operations: Of each exit, in order.
        ratio: As of :class:`BudgetPoint`.

    Example:
        >>> first = [0.9, 0.5, 0.8, 0.4, 0.6, 0.95, 0.3, 0.7]
        >>> second = [0.9, 0.8, 0.9, 0.6, 0.7, 0.99, 0.85, 0.75]
        >>> answers = Answers(np.array([first, second, [1.0] * 8]), np.ones((3, 8), bool))
        >>> [budget_point(answers, answers, [10, 20, 30], p).operations for p in (0.5, 1, 1.5)]
        [17.5, 22.5, 25.0]
    """
    found = find_thresholds(validation.confidence, ratio)
    costs = np.asarray(operations, np.float64)
    exits = [leave(each.confidence, found) for each in (validation, scored)]
    accuracies = [
        float(np.take_along_axis(each.right, at[np.newaxis], 0).mean())
        for each, at in zip((validation, scored), exits)
    ]
    counts = np.bincount(exits[1], minlength=len(costs)) / len(exits[1])
    return BudgetPoint(
        ratio=float(ratio),
        thresholds=tuple(float(value) for value in found[:-1]),
        operations=float(costs[exits[1]].mean()),
        accuracy=accuracies[1],
        shares=tuple(float(share) for share in counts),
        validation_operations=float(costs[exits[0]].mean()),
        validation_accuracy=accuracies[0],
    )


def budgeted_curve(
    validation: Answers, scored: Answers, operations: Sequence[int]
) -> List[BudgetPoint]:
    """Returns the points of the papers' ratios, from few operations to many.

    Args:
        validation: As of :func:`budget_point`, like the others.
        scored: Likewise.
        operations: Likewise.
    """
    points = [budget_point(validation, scored, operations, ratio) for ratio in _RATIOS]
    return sorted(points, key=lambda point: point.validation_operations)


def within_budget(
    validation: Answers, scored: Answers, operations: Sequence[int], budget: float
) -> BudgetPoint:
    """Returns the point that is best on the validation samples and keeps a budget there.

    Args:
        validation: As of :func:`budget_point`, like the two others.
        scored: Likewise.
        operations: Likewise.
        budget: Most operations of a sample, in the mean of a batch.

    Raises:
        InfeasibleBudgetError: If it is less than the first exit takes.
    """
    if not budget >= operations[0]:
        raise InfeasibleBudgetError(
            f"a budget of {budget:,.0f} operations a sample, the first exit takes "
            f"{operations[0]:,}.",
            help=f"give {operations[0]:,} or more; all exits take {operations[-1]:,}",
        )
    ratios = sorted({*_RATIOS, *_MORE_RATIOS})
    points = [budget_point(validation, scored, operations, ratio) for ratio in ratios]
    points += [_all_leave_at(number, validation, scored, operations) for number in (0, -1)]
    kept = [point for point in points if point.validation_operations <= budget]
    # Of equal ones the one that spends most: validation samples are few, and more is safer.
    return max(kept, key=lambda p: (p.validation_accuracy, p.validation_operations))


def _all_leave_at(
    number: int, validation: Answers, scored: Answers, operations: Sequence[int]
) -> BudgetPoint:
    """The point of one exit alone: the first, or the last."""
    count = len(operations)
    first = number == 0
    return BudgetPoint(
        ratio=None,
        thresholds=tuple([0.0 if first else 2.0] * (count - 1)),
        operations=float(operations[number]),
        accuracy=float(scored.right[number].mean()),
        shares=tuple(float(k == number % count) for k in range(count)),
        validation_operations=float(operations[number]),
        validation_accuracy=float(validation.right[number].mean()),
    )
