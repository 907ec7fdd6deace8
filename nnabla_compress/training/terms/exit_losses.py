# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What each exit of a network learns.

With the loss ``L_k`` of exit k, weights ``w_k`` and a share d of distillation, a batch has

    w_K L_K + sum over k < K of w_k ((1 - d) L_k + d D(exit K, exit k))

D is the distance of distillation, towards the last exit, which does not learn from it. Without
options it is the plain sum of all losses (L. Yang et al., Resolution Adaptive Networks for
Efficient Inference, arXiv:2003.07326).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, List, Optional, Sequence

import nnabla as nn
import nnabla.functions as F
from pydantic import model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.rewrite import functions, leaves, rebuild, with_batch_statistics
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term


@dataclass
class ExitLosses(Term):
    """How much each exit counts, and what it learns beside the targets.

    Args:
        weights: Of the losses, one for each exit, 0 or more; None: 1 each.
        distill: Share of what the exits before the last one learn from it, 0 to 1.
        temperature: What logits are divided by there, positive.
        freeze: Whether everything that the last exit needs stays as it is, and computes as it
            infers: only what the other exits have for themselves learns.

    Raises:
        ConfigError: If a number is out of range, or does not fit the network.
    """

    leads: ClassVar[bool] = True

    weights: Optional[Sequence[float]] = None
    distill: float = 0.0
    temperature: float = 4.0
    freeze: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.distill <= 1:
            raise ConfigError(f"exits: distill is {self.distill}.", help="choose 0 to 1")
        if not 0 < self.temperature < float("inf"):
            raise ConfigError(
                f"exits: temperature is {self.temperature}.", help="give a positive number"
            )
        weights = self.weights
        if weights is not None and (
            not all(0 <= weight < float("inf") for weight in weights) or not sum(weights) > 0
        ):
            raise ConfigError(
                f"exits: weights are {list(weights)}.",
                help="give one for each exit, 0 or more, at least one of them above 0",
            )

    @property
    def asks(self) -> bool:
        """Whether anything is asked for that only exits can have."""
        return self != ExitLosses()

    def network(self, outputs: List[nn.Variable]) -> List[nn.Variable]:
        """Returns the network with the trunk as it infers and without gradients, if it is frozen.

        Raises:
            ConfigError: If the network has no exits, another number of them, or none but the trunk.
        """
        if self.asks and len(outputs) < 2:
            raise ConfigError(
                "exits: the network has one output.",
                help="put add_exits before this training, or take a model with exits, such as "
                "ranet; outputs called exit1, exit2, ... are exits",
            )
        if self.weights is not None and len(self.weights) != len(outputs):
            raise ConfigError(
                f"exits: {len(self.weights)} weights for {len(outputs)} exits.",
                help="give one for each, the last exit's too",
            )
        return _with_frozen_trunk(outputs) if self.freeze else outputs

    def attach(self, training: Training) -> None:
        """Builds the losses of the exits before the last one."""
        *early, last = training.outputs
        weights = self.weights or [1.0] * len(training.outputs)
        self._last = weights[-1]
        goal = F.identity(last)
        goal.need_grad = False  # the last exit teaches, and does not learn to please the others
        self._losses: List[Any] = []
        for weight, output in zip(weights, early):
            loss = F.mean(training.judge.samples(output, training.feed.targets))
            if self.distill:
                taught = training.judge.distillation(output, goal, self.temperature)
                loss = (1 - self.distill) * loss + self.distill * taught
            if weight:
                self._losses.append(weight * loss)

    def objective(self, objective: nn.Variable) -> nn.Variable:
        """Returns the sum of all losses; ``objective`` is that of the last exit."""
        whole = objective if self._last == 1 else self._last * objective
        return sum(self._losses, whole)


def _with_frozen_trunk(outputs: List[nn.Variable]) -> List[nn.Variable]:
    """Builds the graph again so that nothing that the last exit needs learns."""
    trunk = set(functions(outputs[-1:]))
    frozen = {}
    for leaf in leaves(outputs[-1:]):
        if leaf.need_grad:
            frozen[leaf] = leaf.get_unlinked_variable(need_grad=False)
            frozen[leaf].name = leaf.name
    if not any(leaf.need_grad for leaf in leaves(outputs) if leaf not in frozen):
        raise ConfigError(
            "exits: with freeze nothing is left to be trained: the other exits have no parameters "
            "of their own.",
            help="leave freeze out",
        )

    others = [function for function in functions(outputs) if function not in trunk]
    read = [v for v in outputs if v.parent in trunk]
    read += [v for function in others for v in function.inputs if v.parent in trunk]
    found = dict(zip(read, with_batch_statistics(read, False, frozen)))
    return rebuild(outputs, inputs={**frozen, **found})


@register_term("exits")
class ExitLossesOptions(TermOptions):
    """Says what each exit of a network learns; without it, their losses are added up.

    Args:
        weights: Of the losses, one for each exit, 0 or more; left out: 1 each.
        distill: Share of what the exits before the last one learn from it, 0 to 1.
        temperature: What logits are divided by there, positive.
        freeze: Whether everything that the last exit needs stays as it is, and computes as it
            infers: only what the other exits have for themselves learns.
    """

    weights: Optional[List[float]] = None
    distill: float = 0.0
    temperature: float = 4.0
    freeze: bool = False

    @model_validator(mode="after")
    def _in_range(self) -> ExitLossesOptions:
        self.make(lambda x, test: x)
        return self

    def make(self, teacher: Build) -> ExitLosses:
        """Returns the term."""
        return ExitLosses(self.weights, self.distill, self.temperature, self.freeze)

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Refuses a network without exits, or with another number of them."""
        self.make(lambda x, test: x).network(outputs)
        return []
