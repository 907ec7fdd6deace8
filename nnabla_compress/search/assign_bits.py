# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bits for each tensor at the least total cost under budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, Mapping, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.knapsack import MOST_STATES, Choice, fill
from nnabla_compress.sizes import size_text

COUNTED = ("bops", "macs")
"""Budgets of operations, which are no bits."""


@dataclass(frozen=True)
class BitWidth:
    """One bit width of a tensor.

    Args:
        bits: The bit width.
        cost: What it costs; any finite number.
        sizes: What it takes of each budget, whole numbers from 0.
    """

    bits: int
    cost: float
    sizes: Tuple[int, ...]


@dataclass(frozen=True)
class Assignment:
    """Bits for each tensor.

    Args:
        bits: Bit width by tensor, whatever it is called by.
        cost: Their total cost.
        sizes: What they take of each budget, by its name.
        exact: Whether no other bits within the budgets cost less.
    """

    bits: Dict[Any, int]
    cost: float
    sizes: Dict[str, int]
    exact: bool = True


def reachable(choices: Mapping[Any, Sequence[BitWidth]], resource: int = 0) -> Tuple[int, int]:
    """Returns the least and the largest total size.

    Args:
        choices: The choices of each tensor.
        resource: Which of their sizes.

    Example:
        >>> reachable({"a": [BitWidth(2, 1.0, (2,)), BitWidth(4, 0.0, (4,))]})
        (2, 4)
    """
    sizes = [[choice.sizes[resource] for choice in options] for options in choices.values()]
    return sum(map(min, sizes)), sum(map(max, sizes))


def assign_bits(
    choices: Mapping[Any, Sequence[BitWidth]],
    budgets: Mapping[str, Tuple[int, int]],
    most_states: int = MOST_STATES,
) -> Assignment:
    """Returns the choice of bits with the least total cost that keeps all budgets.

    It is exact, unless several budgets meet in the same tensors and leave too many sums, as
    :func:`nnabla_compress.knapsack.fill` says.

    Args:
        choices: The choices of each tensor.
        budgets: By name: which of the sizes it is for, and the most it may be in total.
        most_states: Partial sums that are kept.

    Returns:
        The best assignment; of equal ones the smallest.

    Raises:
        ConfigError: If a tensor has no choice, or a cost is not finite.
        InfeasibleBudgetError: If no choice meets the budgets.

    Example:
        >>> a, b = BitWidth(2, 0.5, (20,)), BitWidth(4, 0.1, (40,))
        >>> assign_bits({"c1": [a, b], "c2": [a, b]}, {"weights": (0, 60)}).bits
        {'c1': 2, 'c2': 4}
    """
    for name, options in choices.items():
        if not options or not all(np.isfinite(option.cost) for option in options):
            raise ConfigError(
                f"layer {name} has no bits to choose, or a cost that is no finite number.",
                help="measure the sensitivities again",
            )
    for budget, (resource, most) in budgets.items():
        least = reachable(choices, resource)[0]
        if most < least:
            raise InfeasibleBudgetError(
                f"{budget} of at most {budget_text(budget, most)} requested, the least reachable "
                f"is {budget_text(budget, least)} (all at their fewest bits).",
                help="raise the budget, or measure fewer bits",
            )
    places: Dict[int, int] = {}
    for resource, most in budgets.values():
        places[resource] = min(most, places.get(resource, most))
    plain = {n: [Choice(c.cost, c.sizes) for c in options] for n, options in choices.items()}
    found = fill(plain, places, most_states)
    if found is None:
        alone = [f"{n} {budget_text(n, reachable(choices, r)[0])}" for n, (r, _) in budgets.items()]
        raise InfeasibleBudgetError(
            f"no bits meet {' and '.join(budgets)} together, though each alone can be met; "
            f"the least reachable, each by itself, is {' and '.join(alone)}.",
            help="raise one of the budgets",
        )
    chosen = {name: choices[name][number] for name, number in found.picked.items()}
    return Assignment(
        {name: choice.bits for name, choice in chosen.items()},
        float(sum(choice.cost for choice in chosen.values())),
        {n: sum(c.sizes[r] for c in chosen.values()) for n, (r, _) in budgets.items()},
        found.exact,
    )


def budget_text(budget: str, size: int) -> str:
    """Returns a size as messages print it.

    Args:
        budget: "bops" and "macs" count operations, all others bits.
        size: The size.

    Example:
        >>> budget_text("weights", 81920), budget_text("bops", 81920)
        ('10.00 kB', '81,920')
    """
    return f"{size:,}" if budget in COUNTED else size_text(size / 8)
