# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a rule of stopping is: it looks at the loss of each epoch, and says when it is enough."""

from __future__ import annotations

from typing import Any, Callable, Dict, Mapping, Optional

from nnabla_compress.errors import ConfigError
from nnabla_compress.named_options import NamedOptions, Registry


class Stopping:
    """A rule at work in one training; a subclass does what it needs of this.

    What it must know to go on after a kill is in :meth:`state`, as JSON values, which the training
    keeps in its checkpoints.
    """

    def after(self, epoch: int, loss: float) -> Optional[str]:
        """Returns why the training should end now, None if it should go on.

        Args:
            epoch: The epoch that has just ended, from 1.
            loss: The mean loss of its updates.
        """
        raise NotImplementedError

    def state(self) -> Dict[str, Any]:
        """Returns what a checkpoint keeps."""
        return {}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Takes back what :meth:`state` returned."""

    def outcome(self) -> Dict[str, Any]:
        """Returns what the training's outcome says of the rule beside why it stopped, by name."""
        return {}


Round = Callable[[int, Callable[[int], Stopping]], None]
"""One round of practice, by its number from 0: all parts are trained on a small sample, in order,
each by the rule that the function gives for its number from 1."""


class StoppingOptions(NamedOptions):
    """How a recipe asks for a rule; a subclass has its options as fields."""

    @property
    def sample(self) -> int:
        """Most samples of a round of practice; 0: the rule needs no practice."""
        return 0

    def practise(self, play: Round, parts: int, epochs: float, seed: int) -> Dict[str, Any]:
        """Learns from trainings on small samples; returns what was learned, as JSON values.

        Args:
            play: Plays one round.
            parts: How many parts of a network are trained in order.
            epochs: The most epochs of each.
            seed: Seed of everything random.
        """
        return {}

    def start(self, layer: int = 1, learned: Optional[Mapping[str, Any]] = None) -> Stopping:
        """Returns the rule for one training.

        Args:
            layer: Which part of a network is trained, from 1, where parts are trained in order.
            learned: What :meth:`practise` returned.
        """
        raise NotImplementedError


_REGISTRY = Registry("rule of stopping", StoppingOptions)
register_stopping = _REGISTRY.register
stopping_rules = _REGISTRY.all


def stopping_of(entry: Any, where: str = "stop") -> StoppingOptions:
    """Returns a rule from what a recipe says, as of :meth:`Registry.make`.

    Example:
        >>> stopping_of({"plateau": {"epochs": 5}}).epochs, stopping_of("plateau").fall
        (5, 0.01)
    """
    return _REGISTRY.make(entry, where)


def unpractised(entry: Any, where: str = "stop") -> StoppingOptions:
    """Returns a rule for a step that lets none practise.

    Args:
        entry: As of :func:`stopping_of`.
        where: Likewise.

    Raises:
        ConfigError: If the rule practises on small samples first.
    """
    rule = stopping_of(entry, where)
    if rule.sample:
        raise ConfigError(
            f"{where}: {rule.name} practises on small samples first, which this step does not.",
            help="choose stop: plateau, or the step layerwise",
        )
    return rule
