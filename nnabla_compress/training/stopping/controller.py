# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Learned stopping: a policy that practises on small samples, and then says when to stop (L2-GCN).

Every few epochs the policy (:mod:`~nnabla_compress.training.stopping.policy`) looks at the loss and
says stop or go on. It learns by REINFORCE: a round of practice trains all parts on a small sample
and is worth ``-(final loss + cost * epochs)``; the gradient of the log-probability of what was done
is followed by how much more it was worth than the moving mean.

In the first rounds what is done is preset: at random in four of five, the same stop for all parts
in the fifth. The log-probability is that of the preset action; the authors' program takes that of
an action that was drawn and not done.

Y. You et al., L2-GCN: Layer-Wise and Learned Efficient Training of Graph Convolutional Networks,
CVPR 2020.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np
from pydantic import Field

from nnabla_compress.errors import ConfigError
from nnabla_compress.progress import tracked
from nnabla_compress.training.stopping.policy import (
    GO_ON,
    STOP,
    Ascent,
    Memory,
    Step,
    Weights,
    as_lists,
    decide,
    from_lists,
    gradient,
    new_weights,
    remembered,
)
from nnabla_compress.training.stopping.rule import (
    Round,
    Stopping,
    StoppingOptions,
    register_stopping,
)

_KEPT = 0.9  # of the moving mean of what rounds were worth
_PRESETS = 5  # of so many preset rounds one has the same stop for all parts
_MOST_PARTS = 6


class Controller(Stopping):
    """A trained policy at work.

    It stops at the first decision after ``least`` epochs where the probability to stop is at least
    the threshold.

    Args:
        weights: Of the policy.
        threshold: The mean probability to stop in its last round of practice.
        part: Which part is trained, from 0.
        every: Epochs from one decision to the next.
        least: Epochs that are trained in any case.
    """

    def __init__(
        self, weights: Weights, threshold: float, part: int, every: int, least: int
    ) -> None:
        self.weights, self.threshold, self.part = weights, threshold, part
        self.every, self.least = every, least
        self._memory = Memory.new()
        self._decided: List[Tuple[int, float]] = []

    def after(self, epoch: int, loss: float) -> Optional[str]:
        """Returns why to stop: how probable the policy thinks that is."""
        if epoch % self.every:
            return None
        step = decide(self.weights, self.part, loss, self._memory)
        self._memory = remembered(self._memory, step, loss)
        chance = float(step.chances[STOP])
        self._decided.append((epoch, chance))
        if epoch <= self.least or chance < self.threshold:
            return None
        return (
            f"the policy stops with probability {chance:.3f} at a loss of {loss:.4g}, at least "
            f"{self.threshold:.3f}, the mean of its last round of practice"
        )

    def state(self) -> Dict[str, Any]:
        """Returns what is remembered."""
        memory = self._memory
        return {
            "h": memory.h.tolist(),
            "c": memory.c.tolist(),
            "action": memory.action,
            "first": None if math.isnan(memory.first) else memory.first,
            "decided": self._decided,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes it back."""
        self._decided = [(int(epoch), float(chance)) for epoch, chance in state["decided"]]
        self._memory = Memory(
            np.array(state["h"], np.float64),
            np.array(state["c"], np.float64),
            len(self._decided),
            int(state["action"]),
            math.nan if state["first"] is None else float(state["first"]),
        )

    def outcome(self) -> Dict[str, Any]:
        """Returns all decisions: after which epoch, and the probability to stop."""
        return {"decisions": self._decided, "threshold": self.threshold}


class _Practising(Stopping):
    """The policy in one part of a round of practice; keeps what was decided and what came of it."""

    def __init__(
        self,
        weights: Weights,
        part: int,
        every: int,
        choose: Callable[[int, np.ndarray], int],
    ) -> None:
        self.weights, self.part, self.every, self._choose = weights, part, every, choose
        self.steps: List[Step] = []
        self.epochs, self.loss = 0, math.nan
        self._memory = Memory.new()
        self._stopped = False

    def after(self, epoch: int, loss: float) -> Optional[str]:
        self.epochs, self.loss = epoch, loss
        if self._stopped or epoch % self.every:
            return "it has stopped" if self._stopped else None
        step = decide(self.weights, self.part, loss, self._memory)
        step = replace(step, action=self._choose(self._memory.decisions, step.chances))
        self._memory = remembered(self._memory, step, loss)
        self.steps.append(step)
        self._stopped = step.action == STOP
        return "so it was decided" if self._stopped else None


@register_stopping("controller")
class ControllerOptions(StoppingOptions):
    """Stops where a small recurrent policy says so that has practised on small samples (L2-GCN).

    For the step [layerwise](#layerwise), which practises before it trains.

    Args:
        every: Epochs from one decision to the next, at least 1.
        least: Epochs of a layer that are trained in any case, 0 or more.
        rounds: Rounds of practice, at least 1.
        preset_rounds: How many of them, the first ones, stop where was preset.
        nodes: Most training nodes of a round, drawn anew for each, at least 2.
        cost: What an epoch costs, in loss, 0 or more.
        rate: Learning rate of the policy, above 0.
    """

    every: int = Field(default=10, ge=1)
    least: int = Field(default=35, ge=0)
    rounds: int = Field(default=50, ge=1)
    preset_rounds: int = Field(default=25, ge=0)
    nodes: int = Field(default=256, ge=2)
    cost: float = Field(default=1e-4, ge=0)
    rate: float = Field(default=0.01, gt=0)

    @property
    def sample(self) -> int:
        """Most samples of a round of practice."""
        return self.nodes

    def practise(self, play: Round, parts: int, epochs: float, seed: int) -> Dict[str, Any]:
        """Learns the policy.

        Raises:
            ConfigError: If there are too many parts, or too few epochs for a decision.
        """
        decisions = int(epochs // self.every)
        if not 1 <= parts <= _MOST_PARTS or not decisions:
            raise ConfigError(
                f"controller: {parts} layers of {epochs:g} epochs, a decision every {self.every}.",
                help=f"it is for 1 to {_MOST_PARTS} layers, of at least {self.every} epochs each; "
                "or choose stop: plateau",
            )
        rng = np.random.RandomState(seed)
        weights = new_weights(parts, decisions, rng)
        ascent = Ascent(weights, self.rate)
        worths: List[float] = []
        mean, threshold = math.nan, 0.5
        for number in tracked("practising when to stop", range(self.rounds), self.rounds):
            presets = self._presets(number, parts, decisions, rng)
            courses: List[_Practising] = []

            def rule(
                part: int,
                courses: List[_Practising] = courses,
                presets: Optional[List[int]] = presets,
            ) -> Stopping:
                def choose(decision: int, chances: np.ndarray) -> int:
                    if presets is not None:
                        return STOP if decision >= presets[part - 1] else GO_ON
                    return STOP if rng.rand() < chances[STOP] else GO_ON

                courses.append(_Practising(weights, part - 1, self.every, choose))
                return courses[-1]

            play(number, rule)
            worth = -(courses[-1].loss + self.cost * sum(course.epochs for course in courses))
            mean = worth if math.isnan(mean) else mean
            steps = [course.steps for course in courses]
            ascent.step(gradient(weights, steps), worth - mean)
            mean = _KEPT * mean + (1 - _KEPT) * worth
            threshold = float(np.mean([step.chances[STOP] for part in steps for step in part]))
            worths.append(worth)
        return {"policy": as_lists(weights), "threshold": threshold, "worth_of_rounds": worths}

    def start(self, layer: int = 1, learned: Optional[Mapping[str, Any]] = None) -> Stopping:
        """Returns the policy at work.

        Raises:
            ConfigError: If it has not practised.
        """
        if not learned:
            raise ConfigError(
                "controller: the policy has not practised.",
                help="use it in the step layerwise; or choose stop: plateau",
            )
        weights = from_lists(learned["policy"])
        return Controller(weights, learned["threshold"], layer - 1, self.every, self.least)

    def _presets(
        self, number: int, parts: int, decisions: int, rng: np.random.RandomState
    ) -> Optional[List[int]]:
        """At which decision each part stops in a round; None: the policy decides."""
        if number >= self.preset_rounds:
            return None
        if number % _PRESETS == _PRESETS - 1:
            return [number // _PRESETS % decisions] * parts
        return [int(rng.randint(decisions)) for _ in range(parts)]
