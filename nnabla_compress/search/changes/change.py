# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a change is: something small that is done to a network, and what it does to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Dict, List, NamedTuple, Optional

from nnabla_compress.analysis.costs import costs
from nnabla_compress.analysis.couplings import parameters_of
from nnabla_compress.analysis.layers import Layer, layers
from nnabla_compress.graph.network import Network
from nnabla_compress.search.scoring import ScoredNetwork, Scores
from nnabla_compress.search.sensitivity import Sensitivity


class Change:
    """One change; a subclass is one kind of change. It can be handed to another process."""

    def measure(self, scored: ScoredNetwork) -> Sensitivity:
        """Returns what it does to a network.

        Args:
            scored: The network.
        """
        raise NotImplementedError


@dataclass(frozen=True)
class Found:
    """Changes of one kind that can be made to a network.

    Args:
        changes: The changes.
        kept: Why others can't, by name.
    """

    changes: List[Change]
    kept: Dict[str, str] = field(default_factory=dict)


class Effect(NamedTuple):
    """What scores have become.

    Args:
        loss: Change of the loss.
        accuracy: Change of the accuracy, None where there is none.
    """

    loss: float
    accuracy: Optional[float]

    @classmethod
    def of(cls, scored: ScoredNetwork, scores: Scores) -> Effect:
        """Returns the difference from the network as it is.

        Args:
            scored: The network.
            scores: Of the changed one.
        """
        before = scored.float_scores
        accuracy = None
        if before.accuracy is not None and scores.accuracy is not None:
            accuracy = scores.accuracy - before.accuracy
        return cls(scores.loss - before.loss, accuracy)


class Shrunk(NamedTuple):
    """What a network has become that is smaller.

    Args:
        touched: Layers that are not as they were, or were not there.
        saved_parameters: What the whole network has fewer of.
        saved_macs: Likewise.
    """

    touched: List[Layer]
    saved_parameters: int
    saved_macs: int

    @classmethod
    def of(cls, given: Network, made: Network) -> Shrunk:
        """Returns the differences between two networks on the same inputs.

        Args:
            given: The network.
            made: The smaller one.
        """
        known = {layer.name: layer.shape for layer in _own_layers(given)}
        touched = [x for x in _own_layers(made) if known.get(x.name) != x.shape]
        sizes = [
            costs(each.all_outputs, parameters_of(each), each.all_inputs) for each in (given, made)
        ]
        before, after = sizes
        return cls(touched, before.parameters - after.parameters, before.macs - after.macs)

    @property
    def weights(self) -> int:
        """Number of weights of these layers."""
        return sum(int(layer.weight.size) for layer in self.touched if not layer.shared)

    @property
    def macs(self) -> int:
        """Operations of these layers."""
        return sum(layer.macs for layer in self.touched)


def _own_layers(network: Network) -> List[Layer]:
    """The layers with names of its own parameters."""
    return layers(network.all_outputs, parameters_of(network))
