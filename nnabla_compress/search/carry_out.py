# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What costs least under budgets, chosen, built and scored."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Dict, Mapping, Optional, Tuple

import nnabla as nn

from nnabla_compress.errors import DataError, InfeasibleBudgetError
from nnabla_compress.search.assign import Assigned, Budgets, assign, reachable_sizes
from nnabla_compress.search.assign_bits import assign_bits, budget_text, reachable
from nnabla_compress.search.build import Builder, Built
from nnabla_compress.search.choices import KINDS, RESOURCES, choices_of
from nnabla_compress.search.measure import scored_network
from nnabla_compress.search.problem import Problem
from nnabla_compress.search.scoring import ScoredNetwork, Scores
from nnabla_compress.search.sensitivity import Sensitivities
from nnabla_compress.turns import one_at_a_time


@dataclass(frozen=True)
class Outcome:
    """What was chosen, and what came of it.

    Args:
        chosen: The choice.
        made: The network.
        reachable: The least and the largest size of each resource asked for.
        corrected: Budgets of the sums where those asked for would have led to a network that takes
            more, by name.
        scores: Scores of the network, None if it was not scored.
    """

    chosen: Assigned
    made: Built
    reachable: Dict[str, Tuple[int, int]]
    corrected: Dict[str, int]
    scores: Optional[Scores] = None


@one_at_a_time
def carry_out(
    found: Sensitivities,
    budgets: Budgets,
    by: str = "snr",
    limits: Mapping[str, int] = {},
    largest_activation: Optional[int] = None,
    score: bool = True,
    trained: bool = False,
) -> Outcome:
    """Chooses bits, channels and ranks under budgets that the network keeps once it is built.

    Where a network that was built takes more than the sizes of its tensors added up, a budget is
    corrected by the difference, and all is chosen again.

    Args:
        found: What was measured; its network and data are loaded again.
        budgets: By name: which of the sizes it is for, and the most it may be in total.
        by: As of :func:`~nnabla_compress.search.choices.choices_of`, like ``limits``.
        limits: Likewise.
        largest_activation: Bits that no activation of one sample may exceed.
        score: Whether the network is scored.
        trained: Whether it is to be trained later, which is refused of data that can't be.

    Raises:
        InfeasibleBudgetError: If nothing meets the budgets; with the least reachable.
        DataError: If there are no samples to train on.
        CompressError: If the network or the data can't be loaded any more.
    """
    with nn.parameter_scope("", {}):
        network = scored_network(found)
        _refuse_untrainable(network, trained)
        problem = Problem(found, network.network, by, limits, largest_activation)
        reachable = {name: reachable_sizes(problem, place) for name, (place, _) in budgets.items()}
        builder = Builder(found, network)
        corrected: Dict[str, Tuple[int, int]] = dict(budgets)
        while True:
            chosen = _chosen(problem, budgets, corrected)
            made = builder.build(chosen)
            over = {n: made.sizes[n] - most for n, (_, most) in budgets.items()}
            if all(difference <= 0 for difference in over.values()):
                break
            for name, difference in over.items():
                place, most = corrected[name]
                corrected[name] = (place, most - max(0, difference))
        scores = builder.score(chosen, made) if score else None
    if "bops" not in budgets:
        del made.sizes["bops"]
    changed = {n: most for n, (_, most) in corrected.items() if most != budgets[n][1]}
    return Outcome(chosen, made, reachable, changed, scores)


def _chosen(problem: Problem, budgets: Budgets, corrected: Budgets) -> Assigned:
    try:
        return assign(problem, corrected)
    except InfeasibleBudgetError as error:
        if corrected == budgets:
            raise
        said = " and ".join(f"{n} of {budget_text(n, most)}" for n, (_, most) in budgets.items())
        raise InfeasibleBudgetError(
            f"the networks that should keep {said} take more once they are built; {error.message}",
            help="raise the budget by a little",
        ) from None


def only_bits(
    found: Sensitivities,
    budgets: Budgets,
    by: str = "snr",
    limits: Mapping[str, int] = {},
    largest_activation: Optional[int] = None,
    score: bool = True,
    trained: bool = False,
) -> Outcome:
    """Chooses bits alone, exactly; the network is loaded only to be scored.

    Args:
        found: What was measured: bits.
        budgets: As of :func:`carry_out`, like all that follows.
        by: Likewise.
        limits: Likewise.
        largest_activation: Likewise.
        score: Likewise.
        trained: Likewise.

    Raises:
        InfeasibleBudgetError: If no bits meet the budgets; with the least reachable.
    """
    choices = choices_of(found, by, limits, largest_activation)
    places = [n for n, of in KINDS.items() if of in found.quantizers]
    ranges = {name: reachable(choices, RESOURCES[name]) for name in places}
    best = assign_bits(choices, budgets)
    sizes = {
        name: sum(
            next(o.sizes[RESOURCES[name]] for o in choices[key] if o.bits == bits)
            for key, bits in best.bits.items()
        )
        for name in places
        if name != "bops" or name in budgets
    }
    chosen = Assigned(best.bits, {}, {}, best.cost, sizes, best.exact)
    outcome = Outcome(chosen, Built(best.bits, sizes), ranges, {})
    if not (score or trained):
        return outcome
    with nn.parameter_scope("", {}):
        network = scored_network(found)
        _refuse_untrainable(network, trained)
        scores = Builder(found, network).score(chosen, outcome.made) if score else None
    return replace(outcome, scores=scores)


def _refuse_untrainable(network: ScoredNetwork, trained: bool) -> None:
    if trained and not network.learns:
        raise DataError(
            "--epochs needs training samples, and the data that were measured on have none.",
            help="measure with data that have x_train and y_train, or leave --epochs out",
        )
