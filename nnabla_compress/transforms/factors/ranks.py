# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Ranks for the layers of a network together: those of the least error within a budget."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple

from nnabla_compress.errors import InfeasibleBudgetError
from nnabla_compress.knapsack import Choice, fill, least
from nnabla_compress.transforms.factors.form import Form, Ranks
from nnabla_compress.transforms.factors.site import Site

# Parts of a layer's cost that its candidates have.
_PARTS = (0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
# Steps that sizes are rounded up to, so that sums of many layers stay few.
_STEPS = 20_000
MACS, WEIGHTS = 0, 1
"""Places of sizes."""


@dataclass(frozen=True)
class Plan:
    """A form of a layer.

    Args:
        form: The form.
        ranks: Its ranks.
        macs: Operations for one sample.
        weights: Number of weights.
        error: What it costs in whatever the error is measured; less is better.
    """

    form: Form
    ranks: Ranks
    macs: int
    weights: int
    error: float = 0.0

    @classmethod
    def of(cls, site: Site, form: Form, ranks: Ranks, error: float = 0.0) -> Plan:
        """Returns the plan of a layer with ranks.

        Args:
            site: The layer.
            form: The form.
            ranks: Its ranks.
            error: Its error.
        """
        macs, weights = site.macs_of(form, ranks), form.weights(site.kernel, ranks)
        return cls(form, ranks, macs, weights, error)

    def size(self, resource: int) -> int:
        """Returns its operations or its weights."""
        return self.macs if resource == MACS else self.weights

    @property
    def said(self) -> Dict[str, Any]:
        """What is written down of it."""
        return {"method": self.form.name, "ranks": list(self.ranks)}


Missing = Callable[[Site, Form], Callable[[Ranks], float]]
"""Gives what ranks of a form leave out of a layer's weight."""
Error = Callable[[Site, Form, Ranks], float]
"""Gives the error of ranks of a form of a layer."""


def size_of(site: Site, resource: int) -> int:
    """Returns the operations or the weights of a layer as it is.

    Args:
        site: The layer.
        resource: Which.
    """
    return site.macs if resource == MACS else site.weights


def candidates(site: Site, forms: Sequence[Form], missing: Missing, resource: int) -> List[Plan]:
    """Returns plans of a layer that take less than it does, from rank 1 on.

    Args:
        site: The layer.
        forms: Forms that it has.
        missing: What ranks leave out.
        resource: What they are to take less of.
    """
    found: List[Plan] = []
    whole = size_of(site, resource)
    for form in forms:
        of_ranks = missing(site, form)
        every = [(1,) * len(form.largest(site.kernel))]
        for part in _PARTS:
            ranks = within(site, form, of_ranks, resource, part * whole)
            if ranks is not None and ranks not in every:
                every.append(ranks)
        plans = [Plan.of(site, form, ranks) for ranks in every]
        found += [plan for plan in plans if plan.size(resource) < whole]
    return found


def within(
    site: Site, form: Form, missing: Callable[[Ranks], float], resource: int, most: float
) -> Optional[Ranks]:
    """Returns the best ranks of a layer that take no more than a limit; None if none do.

    Args:
        site: The layer.
        form: The form.
        missing: What ranks leave out.
        resource: What is limited.
        most: The limit.
    """
    return form.of_cost(
        site.kernel,
        missing,
        lambda ranks: (
            site.macs_of(form, ranks) if resource == MACS else form.weights(site.kernel, ranks)
        ),
        most,
    )


def within_budget(
    plans: Mapping[str, Sequence[Plan]],
    whole: Mapping[str, Tuple[int, int]],
    budgets: Mapping[int, Tuple[int, str, Callable[[int], str]]],
    rest: Tuple[int, int],
) -> Dict[str, Optional[Plan]]:
    """Returns a plan for each layer, None where it stays, of the least total error.

    Args:
        plans: Plans of each layer, with their errors.
        whole: Operations and weights of each layer as it is.
        budgets: By place of the size: the most for the whole network, what messages call it, and
            how they write a size.
        rest: What everything else takes of both.

    Raises:
        InfeasibleBudgetError: If no plans keep the budgets.
    """
    choices = {
        name: [
            Choice(0.0, whole[name]),
            *(Choice(plan.error, (plan.macs, plan.weights)) for plan in found),
        ]
        for name, found in plans.items()
    }
    for resource, (most, what, text) in budgets.items():
        reachable = least(choices, resource) + rest[resource]
        if reachable > most:
            raise InfeasibleBudgetError(
                f"factorize: {what} of at most {text(most)} requested, the least reachable is "
                f"{text(reachable)} (every layer that can be factorized at rank 1).",
                help="raise the budget, or choose more layers or other methods",
            )
    limits = {place: most - rest[place] for place, (most, _, _) in budgets.items()}
    found = fill(_rounded(choices, limits), {p: _STEPS for p in limits}) or fill(choices, limits)
    if found is None:
        names = " and ".join(what for _, what, _ in budgets.values())
        raise InfeasibleBudgetError(
            f"factorize: no ranks meet {names} together, though each alone can be met.",
            help="raise one of the budgets",
        )
    return {
        name: None if number == 0 else plans[name][number - 1]
        for name, number in found.picked.items()
    }


def _rounded(
    choices: Mapping[str, Sequence[Choice]], limits: Mapping[int, int]
) -> Dict[str, List[Choice]]:
    """The choices with sizes in steps of the limits, rounded up."""

    def steps(sizes: Tuple[int, ...]) -> Tuple[int, ...]:
        return tuple(
            -(-size * _STEPS // max(1, limits[place])) if place in limits else 0
            for place, size in enumerate(sizes)
        )

    return {
        name: [Choice(choice.cost, steps(choice.sizes)) for choice in found]
        for name, found in choices.items()
    }
