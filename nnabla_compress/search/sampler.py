# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What proposes options of a transform, one trial after the other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, List, Mapping, Optional, Protocol, Sequence

from nnabla_compress.graph.network import Network
from nnabla_compress.named_options import NamedOptions, Registry
from nnabla_compress.workers import Workers


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
class Judged:
    """What a network that was made by way of trial is worth.

    Args:
        noise: Noise in its outputs as a part of the signal, the outputs of the given network.
        weight_bytes: What all weights take, packed.
        quality: Its accuracy as a part of the given network's, or what stands for that.
    """

    noise: float
    weight_bytes: float
    quality: float


@dataclass(frozen=True)
class Trial:
    """What came of a proposal.

    Args:
        proposal: What was tried.
        cost: What the objective says of it; smaller is better.
        weight_bytes: What all weights take, packed.
        judged: All that was measured; None where it failed.
        failed: Why it came to nothing; empty if it did not fail.
    """

    proposal: Proposal
    cost: float
    weight_bytes: float
    judged: Optional[Judged] = None
    failed: str = ""


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
    judge: Callable[[Mapping[str, Any]], Judged]
    """Says what comes of options of the transform, without noting it; workers may be sent it."""
    crew: Workers
    """Who tries."""

    def attempt(self, proposals: Sequence[Proposal]) -> List[Trial]:
        """Returns what comes of proposals, which are in the history then."""

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
        """Tries what it proposes until that is enough.

        Args:
            trials: Where.
        """
        while True:
            proposals = self.together(trials.network, trials.history, trials.limit)
            if not proposals:
                return
            trials.attempt(proposals)

    def together(
        self, network: Network, history: Sequence[Trial], limit: Optional[float]
    ) -> List[Proposal]:
        """Returns proposals none of which depends on what comes of another one; may be overridden.

        Args:
            network: As of :meth:`propose`, like the others.
            history: The trials so far.
            limit: Most bytes.
        """
        proposal = self.propose(network, history, limit)
        return [] if proposal is None else [proposal]

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
