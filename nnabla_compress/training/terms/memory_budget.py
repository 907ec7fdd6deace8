# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Training within memory budgets: a penalty that pulls, and bits that are held in the end."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Union

import nnabla as nn
from pydantic import model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.regularizers import MemoryBudget
from nnabla_compress.sizes import parse_size
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term

Budget = Callable[[List[nn.Variable]], MemoryBudget]
"""What gives the memory budget of the outputs of a network."""

# Part of a training after which its budget is no longer a wish.
_HOLD_FROM = 0.6


class WithinBudget(Term):
    """Adds the penalty of a memory budget; only epochs within it can be the best.

    The penalty is soft: in the last two fifths of the training each tensor is held at the bits that
    the budget leaves it, early enough for the network to adapt to those that it loses.

    Args:
        budget: Makes the budget of the training graph from its outputs.
        from_start: Whether bits are taken after the first update until the budget is kept, so that
            the network has the whole training to adapt; bits may then still move between tensors.

    Raises:
        InfeasibleBudgetError: If the budget can't be kept.
    """

    def __init__(self, budget: Budget, from_start: bool = True) -> None:
        self._make = budget
        self._from_start = from_start
        self._held: Optional[List[float]] = None

    def attach(self, training: Training) -> None:
        """Makes the budget of the training's graph."""
        self.budget = self._make(training.outputs)
        self._from = _HOLD_FROM * training.total

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Adds the penalty."""
        return objective + self.budget.penalty()

    def after_update(self, iteration: int) -> None:
        """Takes bits at the start, and holds them once they are settled."""
        if iteration == 0 and self._from_start:  # activations have ranges since the first batch
            self.budget.enforce()
        if iteration < self._from:
            return
        if self._held is None:
            self.budget.enforce()
            self._held = self.budget.bits()
        self.budget.hold(self._held)

    def monitors(self) -> Mapping[str, float]:
        """Returns the penalty at the sizes of now."""
        return {"Penalty": self.budget.penalty_now()}

    def fits(self) -> bool:
        """Returns whether every budget is kept now."""
        return self.budget.fits

    def state(self) -> Dict[str, Any]:
        """Returns the bits that are held."""
        return {} if self._held is None else {"held_bits": self._held}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Holds the same bits again."""
        self._held = state.get("held_bits")


@register_term("budget")
class BudgetOptions(TermOptions):
    """Memory budgets such as "70 kB", and the strength of the penalty for exceeding them.

    Args:
        weights: Most that all weights take: bytes, or text such as ``70 kB``.
        activations: Most that all feature maps of a sample take together.
        activations_max: Most that any feature map takes.
        strength: Factor of the penalty, which grows with the square of the excess in kB.
        from_start: Take bits after the first update until the budgets are kept, and let them move
            between layers from there. False: the penalty alone takes them in the course of the
            training.
    """

    weights: Optional[Union[float, str]] = None
    activations: Optional[Union[float, str]] = None
    activations_max: Optional[Union[float, str]] = None
    strength: float = 0.1
    from_start: bool = True

    @model_validator(mode="after")
    def _sizes(self) -> BudgetOptions:
        sizes = self.model_dump(exclude={"strength", "from_start"})
        if all(size is None for size in sizes.values()):
            raise ConfigError("budget: no size is given.", help="write for instance weights: 70 kB")
        for name, size in sizes.items():
            if size is not None:
                parse_size(size, f"budget: {name}")
        return self

    @property
    def settles_weight_bits(self) -> bool:
        """It takes bits of weights that have a budget."""
        return self.weights is not None

    def budget_of(self, outputs: List[nn.Variable]) -> MemoryBudget:
        """Returns the budget of a graph.

        Args:
            outputs: Its outputs.
        """
        return MemoryBudget(outputs, **self.model_dump(exclude={"from_start"}))

    def make(self, teacher: Build) -> WithinBudget:
        """Returns the term."""
        return WithinBudget(self.budget_of, self.from_start)

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Returns the range of sizes that each budget can choose from.

        Raises:
            InfeasibleBudgetError: If a budget can't be kept.
        """
        return self.budget_of(outputs).describe()
