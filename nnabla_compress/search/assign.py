# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bits, channels and ranks for a network at the least total cost under budgets.

What goes of the groups decides how large the tensors are; then each tensor has a choice of its own,
and a knapsack takes the best of these. So the groups are searched, the tensors are solved.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import product
from typing import Callable, Dict, List, Mapping, Optional, Tuple

from nnabla_compress.errors import InfeasibleBudgetError
from nnabla_compress.knapsack import MOST_STATES, Choice, fill, least
from nnabla_compress.search.assign_bits import budget_text
from nnabla_compress.search.choices import RESOURCES, Key
from nnabla_compress.search.problem import Going, Option, Problem
from nnabla_compress.search.sensitivity import Sensitivities, Sensitivity
from nnabla_compress.search.smaller import Smaller

Budgets = Mapping[str, Tuple[int, int]]
Sizes = Dict[str, int]
# Combinations of what goes of the groups that are all tried; of more, groups change one by one.
_MOST_TRIED = 4_000
# Steps of a budget that sizes are rounded to where many combinations are compared, and the partial
# sums that are kept then where several budgets meet.
_STEPS, _FEW_STATES = 1_000, 300


@dataclass(frozen=True)
class Assigned:
    """What each tensor and each group of channels gets.

    Args:
        bits: Bits by kind and name of the tensor; those that stay float are left out.
        channels: What goes of groups, by name.
        ranks: How layers are factorized, by name.
        cost: What all costs, added up.
        sizes: What all takes of each resource, as foreseen.
        exact: Whether nothing else within the budgets costs less.
    """

    bits: Dict[Key, int]
    channels: Dict[str, Sensitivity]
    ranks: Dict[str, Sensitivity]
    cost: float
    sizes: Sizes
    exact: bool

    @property
    def smaller(self) -> Smaller:
        """What makes the network smaller."""
        return Smaller(
            {name: row.decided["channels"] for name, row in self.channels.items()},
            {
                name: {key: row.decided[key] for key in ("method", "ranks")}
                for name, row in self.ranks.items()
            },
        )

    def rows(self, found: Sensitivities) -> List[Sensitivity]:
        """Returns the changes that it consists of, each as it was measured alone.

        Args:
            found: What was measured.
        """
        known = {(row.kind, row.layer, row.bits): row for row in found.rows if row.share is None}
        bits = [known[kind, name, width] for (kind, name), width in self.bits.items()]
        return [*bits, *self.channels.values(), *self.ranks.values()]


def assign(problem: Problem, budgets: Budgets) -> Assigned:
    """Returns what costs least within all budgets.

    Where there is one budget, and at most 4,000 combinations of what goes of the groups, the result
    is exact for the costs added up. Else groups change, two neighbours at a time, until no change
    is for the better: from no channels that go, and from the same share of all groups; the best of
    these ends is taken. The choice of bits and ranks is then that of
    :func:`nnabla_compress.knapsack.fill`.

    Args:
        problem: What there is to choose.
        budgets: By name: which of the sizes it is for, and the most it may be in total.

    Raises:
        InfeasibleBudgetError: If nothing meets the budgets; with the least reachable.
    """
    search = _Search(problem, budgets)
    for name, (resource, most) in budgets.items():
        reachable = search.least(resource)
        if reachable > most:
            raise InfeasibleBudgetError(
                f"{name} of at most {budget_text(name, most)} requested, the least reachable is "
                f"{budget_text(name, reachable)} (the fewest bits, channels and ranks measured).",
                help="raise the budget, or measure fewer bits, more channels that go, or lower "
                "ranks",
            )
    found = search.best()
    if found is None:
        raise InfeasibleBudgetError(
            f"nothing that was measured meets {' and '.join(budgets) or 'the limits'} together.",
            help="raise one of them",
        )
    return found


def reachable_sizes(problem: Problem, resource: int) -> Tuple[int, int]:
    """Returns the least total size that was found, and the largest.

    Args:
        problem: What there is to choose.
        resource: Which of the sizes.
    """
    options = problem.options((None,) * len(problem.groups)) or {}
    largest = sum(max(o.sizes[resource] for o in own) for own in options.values())
    return _Search(problem, {}).least(resource), largest


class _Search:
    """The search for what goes of the groups."""

    def __init__(self, problem: Problem, budgets: Budgets) -> None:
        self._problem, self._budgets = problem, budgets
        self._places: Dict[int, int] = {}
        for resource, most in budgets.values():
            self._places[resource] = min(most, self._places.get(resource, most))
        self._known: Dict[Tuple[int, ...], Tuple[float, float]] = {}
        self._rows = list(problem.groups.values())

    def least(self, resource: int) -> int:
        """The least size that was found."""

        def size(picked: Tuple[int, ...]) -> Tuple[float, float]:
            options = self._problem.options(self._going(picked))
            return (math.inf if options is None else _least(options, resource)), 0.0

        found, _ = size(self._descended(size))
        return int(found) if math.isfinite(found) else 0

    def best(self) -> Optional[Assigned]:
        """The best choice that was found; None if none meets the budgets."""
        combinations = math.prod(len(rows) for rows in self._rows)
        if combinations <= _MOST_TRIED and len(self._places) <= 1:
            return self._best_of_all()
        picked = self._descended(self._value)
        return self._solved(picked, False)

    def _best_of_all(self) -> Optional[Assigned]:
        """Tries all combinations whose bound is below the best known."""
        bounds = {
            picked: self._filled(picked, math.floor)
            for picked in product(*(range(len(rows)) for rows in self._rows))
        }
        best: Optional[Assigned] = None
        for picked in sorted(bounds, key=lambda picked: bounds[picked]):
            if bounds[picked] == math.inf or best is not None and bounds[picked] >= best.cost:
                break
            found = self._solved(picked, True)
            if found is not None and (best is None or found.cost < best.cost):
                best = found
        return best

    def _descended(
        self, value: Callable[[Tuple[int, ...]], Tuple[float, float]]
    ) -> Tuple[int, ...]:
        """What no change of one group makes better."""
        most = max((len(rows) for rows in self._rows), default=1)
        starts = [tuple(min(n, len(rows) - 1) for rows in self._rows) for n in range(most)]
        return min((self._descended_from(start, value) for start in starts), key=value)

    def _descended_from(
        self, best: Tuple[int, ...], value: Callable[[Tuple[int, ...]], Tuple[float, float]]
    ) -> Tuple[int, ...]:
        while True:
            before = best
            for place in range(len(self._rows)):
                # Two at once: neighbours have layers in common.
                some = self._rows[place : place + 2]
                for picked in product(*(range(len(rows)) for rows in some)):
                    other = (*best[:place], *picked, *best[place + len(some) :])
                    best = other if value(other) < value(best) else best
            if best == before:
                return best

    def _value(self, picked: Tuple[int, ...]) -> Tuple[float, float]:
        """By how much the budgets are missed, and the cost where they are not."""
        if picked not in self._known:
            options = self._problem.options(self._going(picked))
            over = math.inf
            if options is not None:
                over = sum(
                    max(0.0, _least(options, place) / max(most, 1) - 1)
                    for place, most in self._places.items()
                )
            cost = math.inf if over else self._filled(picked, math.ceil)
            self._known[picked] = over, cost
        return self._known[picked]

    def _going(self, picked: Tuple[int, ...]) -> Going:
        return tuple(rows[n] for rows, n in zip(self._rows, picked))

    def _filled(self, picked: Tuple[int, ...], rounding: Callable[[float], int]) -> float:
        """The least cost with sizes rounded; where they are rounded down, a bound of it."""
        going = self._going(picked)
        options = self._problem.options(going)
        if options is None:
            return math.inf
        steps = {place: _STEPS for place in self._places}

        def rounded(sizes: Tuple[int, ...]) -> Tuple[int, ...]:
            return tuple(
                rounding(sizes[place] * _STEPS / max(1, most))
                for place, most in self._places.items()
            )

        choices = {k: [Choice(o.cost, rounded(o.sizes)) for o in own] for k, own in options.items()}
        by_order = dict(enumerate(steps.values()))
        found = fill(choices, by_order, _FEW_STATES)
        if found is None:
            if rounding is math.floor:
                return math.inf
            solved = self._solved(picked, False)
            return math.inf if solved is None else solved.cost
        inner = sum(options[key][number].cost for key, number in found.picked.items())
        return inner + self._problem.cost(going)

    def _solved(self, picked: Tuple[int, ...], exact: bool) -> Optional[Assigned]:
        """The choice of bits and ranks once channels go."""
        going = self._going(picked)
        options = self._problem.options(going)
        if options is None:
            return None
        choices = {k: [Choice(o.cost, o.sizes) for o in own] for k, own in options.items()}
        found = fill(choices, self._places, MOST_STATES)
        if found is None:
            return None
        taken: Dict[Key, Option] = {k: options[k][n] for k, n in found.picked.items()}
        return Assigned(
            {key: option.bits for key, option in taken.items() if option.bits is not None},
            {row.layer: row for row in going if row is not None},
            {key[1]: o.ranks for key, o in taken.items() if o.ranks is not None},
            float(sum(o.cost for o in taken.values()) + self._problem.cost(going)),
            {n: sum(o.sizes[place] for o in taken.values()) for n, place in RESOURCES.items()},
            exact and found.exact,
        )


def _least(options: Mapping[Key, List[Option]], resource: int) -> int:
    return least(
        {k: [Choice(o.cost, o.sizes) for o in own] for k, own in options.items()}, resource
    )
