# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bits for each layer at the least total cost under budgets: an exact multiple-choice knapsack."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from math import gcd
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import ConfigError, InfeasibleBudgetError
from nnabla_compress.search.sensitivity import Sensitivities, Sensitivity

MEASURES = ("loss", "accuracy", "snr")


@dataclass(frozen=True)
class Choice:
    """One bit width of a layer.

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
    """Bits for each layer.

    Args:
        bits: Bit width by layer.
        cost: Their total cost.
        sizes: What they take of each budget, by its name.
    """

    bits: Dict[str, int]
    cost: float
    sizes: Dict[str, int]

    def rules(self, quantizer: str) -> List[str]:
        """Returns the ``weights:`` rules of a recipe.

        Args:
            quantizer: Rule without bits, such as "lut".

        Example:
            >>> Assignment({"fc": 4}, 0.0, {}).rules("lut:dictionary=pow2")
            ['fc=lut:bits=4,dictionary=pow2']
        """
        head, colon, options = quantizer.rpartition("=")[2].partition(":")
        if ":" in quantizer:  # an option may hold "=", too
            head, colon, options = quantizer.partition(":")
            head = head.rpartition("=")[2]
        kept = [
            option
            for option in options.split(",")
            if option and option.partition("=")[0] not in _CHOOSING
        ]
        tail = "".join(f",{option}" for option in kept)
        return [f"{layer}={head}:bits={bits}{tail}" for layer, bits in self.bits.items()]


# The layers are named one by one, so what chose them before is left out.
_CHOOSING = ("layers", "types", "position", "min_weights")


def choices_of(
    sensitivities: Sensitivities, by: str = "loss", limits: Mapping[str, int] = {}
) -> Dict[str, List[Choice]]:
    """Returns the choices of each layer, of the sizes weights and bops.

    Args:
        sensitivities: What was measured.
        by: "loss" and "accuracy" add up the changes for the worse, "snr" the noise-to-signal
            ratios of the network's output.
        limits: The most bits of a layer, by name.

    Raises:
        ConfigError: If ``by`` or a layer is unknown.
        InfeasibleBudgetError: If a limit lies below all bits that were measured.
    """
    if by not in MEASURES:
        raise ConfigError(f"by is {by!r}.", help=f"choose one of {', '.join(MEASURES)}")
    choices: Dict[str, List[Choice]] = {}
    for row in sensitivities.rows:
        choices.setdefault(row.layer, [])
        if row.bits <= limits.get(row.layer, row.bits):
            sizes = (row.size_bits, row.macs * row.bits)
            choices[row.layer].append(Choice(row.bits, _cost(row, by), sizes))
    for layer in limits:
        if layer not in choices:
            raise ConfigError(f"no layer {layer!r}.", help=f"layers are: {', '.join(choices)}")
        if not choices[layer]:
            least = min(row.bits for row in sensitivities.rows if row.layer == layer)
            raise InfeasibleBudgetError(
                f"layer {layer} may have {limits[layer]} bits, the least measured is {least}.",
                help="raise the limit, or measure fewer bits",
            )
    return choices


def _cost(row: Sensitivity, by: str) -> float:
    if by == "loss":
        return row.loss
    if by == "accuracy":
        return 0.0 - row.accuracy
    return 0.0 if row.output_snr is None else float(10 ** (-row.output_snr / 10))


def reachable(choices: Mapping[str, Sequence[Choice]], resource: int = 0) -> Tuple[int, int]:
    """Returns the least and the largest total size.

    Example:
        >>> reachable({"a": [Choice(2, 1.0, (2,)), Choice(4, 0.0, (4,))]})
        (2, 4)
    """
    sizes = [[choice.sizes[resource] for choice in options] for options in choices.values()]
    return sum(map(min, sizes)), sum(map(max, sizes))


def assign_bits(
    choices: Mapping[str, Sequence[Choice]], budgets: Mapping[str, Tuple[int, int]]
) -> Assignment:
    """Returns the choice of bits with the least total cost that keeps all budgets.

    Layers are added one by one; of all partial sums only those stay that no other one beats in
    cost and all sizes, and that can still meet the budgets. So the result is exact.

    Args:
        choices: The choices of each layer.
        budgets: By name: which of the sizes it is for, and the most it may be in total.

    Returns:
        The best assignment; of equal ones the smallest.

    Raises:
        ConfigError: If a layer has no choice, or a cost is not finite.
        InfeasibleBudgetError: If no choice meets the budgets.

    Example:
        >>> a, b = Choice(2, 0.5, (20,)), Choice(4, 0.1, (40,))
        >>> assign_bits({"c1": [a, b], "c2": [a, b]}, {"weights": (0, 60)}).bits
        {'c1': 2, 'c2': 4}
    """
    for layer, options in choices.items():
        if not options or not all(np.isfinite(option.cost) for option in options):
            raise ConfigError(
                f"layer {layer} has no bits to choose, or a cost that is no finite number.",
                help="measure the sensitivities again",
            )
    for name, (resource, most) in budgets.items():
        least = reachable(choices, resource)[0]
        if most < least:
            raise InfeasibleBudgetError(
                f"{name} of at most {_size(name, most)} requested, the least reachable is "
                f"{_size(name, least)} ({len(choices)} layers at their fewest bits).",
                help="raise the budget, or measure fewer bits",
            )
    resources = [resource for resource, _ in budgets.values()]
    names, tables, most_of = list(choices), [], []
    for resource, most in budgets.values():
        sizes = [choice.sizes[resource] for options in choices.values() for choice in options]
        unit = max(reduce(gcd, sizes, 0), 1)
        most_of.append(most // unit)
        tables.append([[c.sizes[resource] // unit for c in choices[name]] for name in names])
    # What the layers still to come take at least.
    rest = [
        [sum(min(layer) for layer in table[i + 1 :]) for i in range(len(names))] for table in tables
    ]
    costs, used = np.zeros(1), np.zeros((1, len(resources)), np.int64)
    history: List[Tuple[np.ndarray, np.ndarray]] = []
    for i, name in enumerate(names):
        added = np.array([c.cost for c in choices[name]])
        taken = np.array([table[i] for table in tables], np.int64).T.reshape(len(added), -1)
        new_costs = (costs[:, None] + added).ravel()
        new_used = (used[:, None] + taken).reshape(len(new_costs), -1)
        room = np.array([m - r[i] for m, r in zip(most_of, rest)], np.int64)
        kept = np.flatnonzero((new_used <= room).all(axis=1))
        kept = kept[_undominated(new_costs[kept], new_used[kept])]
        if not len(kept):
            alone = [f"{n} {_size(n, reachable(choices, r)[0])}" for n, (r, _) in budgets.items()]
            raise InfeasibleBudgetError(
                f"no bits meet {' and '.join(budgets)} together, though each alone can be met; "
                f"the least reachable, each by itself, is {' and '.join(alone)}.",
                help="raise one of the budgets",
            )
        costs, used = new_costs[kept], new_used[kept]
        history.append((kept // len(added), kept % len(added)))
    state = int(np.lexsort((*used.T[::-1], costs))[0])
    picked: Dict[str, Choice] = {}
    for name, (parents, options_taken) in zip(reversed(names), reversed(history)):
        picked[name] = choices[name][int(options_taken[state])]
        state = int(parents[state])
    chosen = {name: picked[name] for name in names}
    return Assignment(
        {name: choice.bits for name, choice in chosen.items()},
        float(sum(choice.cost for choice in chosen.values())),
        {n: sum(c.sizes[r] for c in chosen.values()) for n, (r, _) in budgets.items()},
    )


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


def _size(name: str, size: int) -> str:
    return f"{size / 8192:.2f} kB" if name == "weights" else f"{size:,}"
