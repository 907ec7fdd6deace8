# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One choice for each of many things at the least total cost: a multiple-choice knapsack."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import Any, Dict, List, Mapping, Optional, Sequence, Tuple

import numpy as np

# Partial sums kept after each thing where several budgets meet; with more the cheapest of those
# of nearly the same sizes stays.
MOST_STATES = 20_000


@dataclass(frozen=True)
class Choice:
    """Something that a thing may get.

    Args:
        cost: What it costs; any finite number.
        sizes: What it takes of each budget, whole numbers from 0.
    """

    cost: float
    sizes: Tuple[int, ...]


@dataclass(frozen=True)
class Filled:
    """A choice for each thing.

    Args:
        picked: Number of the choice by thing.
        exact: Whether no other choices within the budgets cost less.
    """

    picked: Dict[Any, int]
    exact: bool = True


def least(choices: Mapping[Any, Sequence[Choice]], resource: int = 0) -> int:
    """Returns the least total size.

    Args:
        choices: The choices of each thing.
        resource: Which of their sizes.

    Example:
        >>> least({"a": [Choice(1.0, (2,)), Choice(0.0, (4,))], "b": [Choice(0.0, (3,))]})
        5
    """
    return sum(min(choice.sizes[resource] for choice in options) for options in choices.values())


def fill(
    choices: Mapping[Any, Sequence[Choice]],
    budgets: Mapping[int, int],
    most_states: int = MOST_STATES,
) -> Optional[Filled]:
    """Returns a choice for each thing with the least total cost that keeps all budgets.

    Things are added one by one; of all partial sums only those stay that no other one beats in
    cost and all sizes, and that can still meet the budgets. So the result is exact, unless
    several budgets meet in the same things and leave more than ``most_states`` of them: then the
    sizes are put into classes and the cheapest sum of each stays. Things that share no budget are
    solved apart.

    Args:
        choices: The choices of each thing, at least one.
        budgets: By the place of its size: the most that may be taken in total.
        most_states: Partial sums that are kept.

    Returns:
        The best choices, of equal ones the smallest; None where none meet the budgets.

    Example:
        >>> a, b = Choice(0.5, (20,)), Choice(0.1, (40,))
        >>> fill({"c1": [a, b], "c2": [a, b]}, {0: 60}).picked
        {'c1': 0, 'c2': 1}
    """
    picked: Dict[Any, int] = {}
    exact = True
    for names, of_group in _groups(choices, budgets):
        group = {name: choices[name] for name in names}
        found = _solve(group, of_group, most_states)
        if found is None:
            return None
        picked.update(found.picked)
        exact = exact and found.exact
    return Filled({name: picked[name] for name in choices}, exact)


def _groups(
    choices: Mapping[Any, Sequence[Choice]], budgets: Mapping[int, int]
) -> List[Tuple[List[Any], Dict[int, int]]]:
    """Returns things that share budgets, with these; a budget of one group is no other's."""
    groups: List[Tuple[List[Any], Dict[int, int]]] = []
    for name, options in choices.items():
        own = {
            resource: most
            for resource, most in budgets.items()
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
    choices: Mapping[Any, Sequence[Choice]],
    budgets: Mapping[int, int],
    most_states: int,
) -> Optional[Filled]:
    names, tables, most_of = list(choices), [], []
    for resource, most in budgets.items():
        sizes = [choice.sizes[resource] for options in choices.values() for choice in options]
        unit = max(reduce(gcd, sizes, 0), 1)
        most_of.append(most // unit)
        tables.append([[c.sizes[resource] // unit for c in choices[name]] for name in names])
    # What the things still to come take at least.
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
            return None
        costs, used = new_costs[kept], new_used[kept]
        history.append((kept // len(added), kept % len(added)))
    state = int(np.lexsort((*used.T[::-1], costs))[0])
    picked: Dict[Any, int] = {}
    for name, (parents, options_taken) in zip(reversed(names), reversed(history)):
        picked[name] = int(options_taken[state])
        state = int(parents[state])
    return Filled(picked, exact)


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
