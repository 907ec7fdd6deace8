# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What proposes options of a transform, one trial after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, List, Mapping, Optional, Protocol, Sequence

from nnabla_compress.graph.network import Network
from nnabla_compress.named_options import NamedOptions, Registry


@dataclass(frozen=True)
class Proposal:
    """Options to try.

    Args:
        options: Those of the transform.
        eligible: Whether the search may end with them, or they are tried to learn from only.
    """

    options: Mapping[str, Any]
    eligible: bool = True


@dataclass(frozen=True)
class Trial:
    """What came of a proposal.

    Args:
        proposal: What was tried.
        cost: What the objective says of it; smaller is better.
        weight_bytes: What all weights take, packed.
    """

    proposal: Proposal
    cost: float
    weight_bytes: float


class Trials(Protocol):
    """Where a sampler's proposals are tried."""

    network: Network
    """What the transform is applied to."""
    limit: Optional[float]
    """Most bytes that the weights may take, packed; None: any."""
    seed: int
    """Of all draws."""
    history: List[Trial]
    """The trials so far."""

    def attempt(self, proposal: Proposal) -> Trial:
        """Returns what comes of a proposal, which is in the history then."""

    def quality(self, options: Mapping[str, Any]) -> float:
        """Returns how like the given network's the outputs are, 0 to 1, without noting it."""

    def notes(self) -> Optional[Path]:
        """Returns a file of the search to keep what came of candidates, None if there is none."""

    def tell(self, line: str) -> None:
        """Tells the user."""


class Sampler(NamedOptions):
    """Proposes options of a transform; a subclass is one way, and its fields are its options.

    Example:
        >>> class Halves(Sampler):
        ...     def propose(self, network, history, limit):
        ...         bits = 8 >> len(history)
        ...         return Proposal({"weights": f"lut:bits={bits}"}) if bits else None
        >>> Halves().propose(None, [], None).options
        {'weights': 'lut:bits=8'}
    """

    def known(self) -> Sequence[Any]:
        """Returns options that it will propose, whatever comes of others."""
        return ()

    def search(self, trials: Trials) -> None:
        """Tries what it proposes, one after the other.

        Args:
            trials: Where.
        """
        while True:
            proposal = self.propose(trials.network, trials.history, trials.limit)
            if proposal is None:
                return
            trials.attempt(proposal)

    def propose(
        self, network: Network, history: Sequence[Trial], limit: Optional[float]
    ) -> Optional[Proposal]:
        """Returns what to try next, None where there is enough.

        Args:
            network: What the transform is applied to.
            history: The trials so far. The same history makes the same proposal.
            limit: Most bytes that the weights may take, packed; None: any.
        """
        raise NotImplementedError


_REGISTRY = Registry("sampler", Sampler)
register_sampler = _REGISTRY.register
samplers = _REGISTRY.all


def sampler_of(entry: Any, where: str = "sampler") -> Sampler:
    """Returns a sampler from what a recipe says, as of :meth:`Registry.make`."""
    return _REGISTRY.make(entry, where)
