# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights pruned little by little while the network is trained (automated gradual pruning).

From an update t0 on, every D updates, of n steps::

    s_t = s_f + (s_i - s_f) (1 - (t - t0) / (n D))^3

of the weights are pruned, those that are smallest then; s_f is what the quantizer of each layer
says. In between the mask stays, and pruned weights get no gradient.

M. Zhu and S. Gupta, To prune, or not to prune: exploring the efficacy of pruning for model
compression, arXiv:1710.01878.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping

import nnabla as nn
import numpy as np
from pydantic import model_validator

from nnabla_compress.errors import ConfigError
from nnabla_compress.quantizers.base import graph_quantizers, quantizer_of
from nnabla_compress.quantizers.engine import array
from nnabla_compress.training.evaluate import Build
from nnabla_compress.training.terms.schedules import gradual_sparsity, require_share
from nnabla_compress.training.terms.term import Term, TermOptions, Training, register_term


@dataclass
class Gradual(Term):
    """Raises the sparsity of pruned layers from an initial one to their own.

    Args:
        initial: Fraction of the weights that is pruned from the first update on.
        start_at: Where the schedule begins, as a share of the training.
        end_at: Where all is pruned, likewise.
        every: Updates between two choices of the mask.

    Raises:
        ConfigError: If a number is out of range.
    """

    initial: float = 0.0
    start_at: float = 0.0
    end_at: float = 0.75
    every: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.initial < 1:
            raise ConfigError(
                f"gradual: initial is {self.initial}, it is a fraction of the weights.",
                help="choose 0 (nothing) to below 1",
            )
        require_share("gradual", "start_at", self.start_at)
        if not self.start_at < self.end_at <= 1:
            raise ConfigError(
                f"gradual: end_at is {self.end_at}, it is a share of the training behind start_at, "
                f"{self.start_at}.",
                help="choose above start_at, to 1: 0.75 leaves a quarter for the final mask",
            )
        if self.every < 1:
            raise ConfigError(
                f"gradual: every is {self.every}, it is a number of updates.",
                help="choose 1 or more, such as 100",
            )

    def attach(self, training: Training) -> None:
        """Finds the pruned weights, and when their masks are chosen.

        Raises:
            ConfigError: If there are none.
        """
        nodes = pruning_nodes(training.quantizers)
        self._nodes = list({node.inputs[0].data: node for node in nodes}.values())
        self._steps = self._schedule(training.total)
        self._done = 0.0

    def before_forward(self, iteration: int) -> None:
        """Chooses the masks anew where it is due."""
        if iteration not in self._steps:
            return
        self._done = self._steps[iteration]
        for node in self._nodes:
            quantizer, args = quantizer_of(node), node.info.args
            assert quantizer is not None
            final = quantizer.prunes_to(args) or 0.0
            now = gradual_sparsity(min(self.initial, final), final, self._done)
            quantizer.prune_part(args, node.inputs, now / final if final else 1.0)

    def monitors(self) -> Mapping[str, float]:
        """Returns the fraction of the weights that is pruned now."""
        return {"Sparsity": 1 - float(np.concatenate([m.ravel() for m in self._masks()]).mean())}

    def fits(self) -> bool:
        """Returns whether all is pruned that shall be."""
        return self._done >= 1 or not self._steps

    def state(self) -> Dict[str, Any]:
        """Returns how much of the schedule is done; the masks are parameters."""
        return {"gradual": self._done}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes that back."""
        self._done = float(state["gradual"])

    def _masks(self) -> List[np.ndarray]:
        return [array(node.inputs[1], np.uint8) for node in self._nodes]

    def _schedule(self, total: int) -> Dict[int, float]:
        """The share of the schedule that is done at each update that chooses masks."""
        first, last = int(self.start_at * total), int(self.end_at * total)
        count = max(1, (last - first) // self.every)
        steps = {0: 0.0} if total else {}
        for number in range(count + 1):
            # The training must not end before the last one.
            at = min(first + number * self.every, max(total - 1, 0))
            steps[at] = number / count
        return steps if total else {}


def pruning_nodes(nodes: List[Any]) -> List[Any]:
    """Returns the quantizer nodes whose masks stay, of those of a network.

    Args:
        nodes: Quantizer nodes.

    Raises:
        ConfigError: If there are none.
    """
    found = []
    for node in nodes:
        quantizer = quantizer_of(node)
        if quantizer is not None and quantizer.prunes_to(node.info.args) is not None:
            found.append(node)
    if not found:
        raise ConfigError(
            "gradual: no weights are pruned by a mask that stays.",
            help="put the step prune_weights before, such as prune_weights: {sparsity: 0.8}",
        )
    return found


@register_term("gradual")
class GradualOptions(TermOptions):
    """Prunes weights little by little, up to what the step prune_weights says (Zhu and Gupta).

    The sparsity rises as a cubic function, fast at first; the smallest weights of each layer go.

    Args:
        initial: Fraction of the weights that is pruned from the first update on, 0 to below 1.
        start_at: Where the schedule begins, as a share of the training: 0 to below 1.
        end_at: Where all is pruned, likewise: above ``start_at``, to 1.
        every: Updates between two choices of the mask. With the share of a round in updates,
            weights are pruned in rounds with training between.
    """

    initial: float = 0.0
    start_at: float = 0.0
    end_at: float = 0.75
    every: int = 100

    @model_validator(mode="after")
    def _in_range(self) -> GradualOptions:
        Gradual(**self.model_dump())
        return self

    def make(self, teacher: Build) -> Gradual:
        """Returns the term."""
        return Gradual(**self.model_dump())

    def foresee(self, outputs: List[nn.Variable]) -> List[str]:
        """Refuses a network without pruned weights.

        Raises:
            ConfigError: If it has none.
        """
        pruning_nodes(graph_quantizers(outputs))
        return []
