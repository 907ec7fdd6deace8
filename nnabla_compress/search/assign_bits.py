# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bits for each tensor at the least total cost under budgets: a multiple-choice knapsack."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.sizes import size_text

# Partial sums kept after each tensor where several budgets meet; with more the cheapest of those
# of nearly the same sizes stays.
MOST_STATES = 20_000


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

    Tensors are added one by one; of all partial sums only those stay that no other one beats in
    cost and all sizes, and that can still meet the budgets. So the result is exact, unless
    several budgets meet in the same tensors and leave more than ``most_states`` of them: then the
    sizes are put into classes and the cheapest sum of each stays. Tensors that share no
    budget are solved apart.

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
    picked: Dict[Any, BitWidth] = {}
    exact = True
    for names, of_group in _groups(choices, budgets):
        group = {name: choices[name] for name in names}
        found, group_exact = _solve(group, of_group, most_states)
        picked.update(found)
        exact = exact and group_exact
    chosen = {name: picked[name] for name in choices}
    return Assignment(
        {name: choice.bits for name, choice in chosen.items()},
        float(sum(choice.cost for choice in chosen.values())),
        {n: sum(c.sizes[r] for c in chosen.values()) for n, (r, _) in budgets.items()},
        exact,
    )


def _groups(
    choices: Mapping[Any, Sequence[BitWidth]], budgets: Mapping[str, Tuple[int, int]]
) -> List[Tuple[List[Any], Dict[str, Tuple[int, int]]]]:
    """Returns tensors that share budgets, with these; a budget of one group is no other's."""
    groups: List[Tuple[List[Any], Dict[str, Tuple[int, int]]]] = []
    for name, options in choices.items():
        own = {
            budget: (resource, most)
            for budget, (resource, most) in budgets.items()
            if any(option.sizes[resource] for option in options)
        }
        meets = [group for group in groups if set(group[1]) & set(own) or not (group[1] or own)]
        names = [*(other for group in meets for other in group[0]), name]
        for group in meets:
            own.update(group[1])
            groups.remove(group)
        groups.append((names, own))
    return groups


def _solve(
    choices: Mapping[Any, Sequence[BitWidth]],
    budgets: Mapping[str, Tuple[int, int]],
    most_states: int,
) -> Tuple[Dict[Any, BitWidth], bool]:
    names, tables, most_of = list(choices), [], []
    for resource, most in budgets.values():
        sizes = [choice.sizes[resource] for options in choices.values() for choice in options]
        unit = max(reduce(gcd, sizes, 0), 1)
        most_of.append(most // unit)
        tables.append([[c.sizes[resource] // unit for c in choices[name]] for name in names])
    # What the tensors still to come take at least.
    rest = [
        [sum(min(layer) for layer in table[i + 1 :]) for i in range(len(names))] for table in tables
    ]
    costs, used, exact = np.zeros(1), np.zeros((1, len(budgets)), np.int64), True
    history: List[Tuple[np.ndarray, np.ndarray]] = []
    for i, name in enumerate(names):
        added = np.array([c.cost for c in choices[name]])
        taken = np.array([table[i] for table in tables], np.int64).T.reshape(len(added), -1)
        new_costs = (costs[:, None] + added).ravel()
        new_used = (used[:, None] + taken).reshape(len(new_costs), -1)
        room = np.array([m - r[i] for m, r in zip(most_of, rest)], np.int64)
        kept = np.flatnonzero((new_used <= room).all(axis=1))
        if used.shape[1] > 1 and len(kept) > most_states:
            kept = kept[_cheapest_of_classes(new_costs[kept], new_used[kept], most_states)]
            exact = False
        kept = kept[_undominated(new_costs[kept], new_used[kept])]
        if not len(kept):
            alone = [
                f"{n} {budget_text(n, reachable(choices, r)[0])}" for n, (r, _) in budgets.items()
            ]
            raise InfeasibleBudgetError(
                f"no bits meet {' and '.join(budgets)} together, though each alone can be met; "
                f"the least reachable, each by itself, is {' and '.join(alone)}.",
                help="raise one of the budgets",
            )
        costs, used = new_costs[kept], new_used[kept]
        history.append((kept // len(added), kept % len(added)))
    state = int(np.lexsort((*used.T[::-1], costs))[0])
    picked: Dict[Any, BitWidth] = {}
    for name, (parents, options_taken) in zip(reversed(names), reversed(history)):
        picked[name] = choices[name][int(options_taken[state])]
        state = int(parents[state])
    return picked, exact


def _cheapest_of_classes(costs: np.ndarray, used: np.ndarray, most: int) -> np.ndarray:
    """Returns the indices of the cheapest state of each class of sizes, and of the smallest."""
    low, high = used.min(axis=0), used.max(axis=0)
    width = np.maximum((high - low) // max(int(most ** (1 / used.shape[1])) // 2, 1), 1)
    classes = (used - low) // width
    order = np.lexsort((costs, *classes.T[::-1]))
    changed = np.any(np.diff(classes[order], axis=0) != 0, axis=1)
    first = order[np.concatenate([[True], changed])]
    # The smallest of each size keep what is reachable within reach.
    smallest = [int(np.lexsort((costs, column))[0]) for column in used.T]
    return np.unique(np.concatenate([first, smallest]))


def _undominated(costs: np.ndarray, used: np.ndarray) -> np.ndarray:
    """Returns the indices of states that no other one beats or equals in cost and all sizes."""
    order = np.lexsort((costs, *used.T[::-1]))
    if used.shape[1] <= 1:  # by size; a larger one must cost less than all before
        best = np.minimum.accumulate(costs[order])
        better = np.concatenate([[True], costs[order][1:] < best[:-1]])[: len(order)]
        kept: Any = order[better]
        return kept
    kept = []
    front = np.empty((len(order), used.shape[1] + 1))
    for index in order:
        state = np.append(used[index], costs[index])
        if not (front[: len(kept)] <= state).all(axis=1).any():
            front[len(kept)] = state
            kept.append(index)
    return np.array(kept, np.intp)


def budget_text(budget: str, size: int) -> str:
    """Returns a size as messages print it.

    Args:
        budget: "bops" counts operations, all others bits.
        size: The size.

    Example:
        >>> budget_text("weights", 81920), budget_text("bops", 81920)
        ('10.00 kB', '81,920')
    """
    return f"{size:,}" if budget == "bops" else size_text(size / 8)
