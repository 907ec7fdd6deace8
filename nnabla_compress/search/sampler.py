# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What proposes options of a transform, one trial after the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, ClassVar, Dict, Mapping, Optional, Sequence, Type, TypeVar

from nnabla_compress.errors import ConfigError
from nnabla_compress.graph.network import Network
from nnabla_compress.options import Options, named, validated
from nnabla_compress.spelling import did_you_mean

_Kind = TypeVar("_Kind", bound=Type["Sampler"])


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


class Sampler(Options):
    """Proposes options of a transform; a subclass is one way, and its fields are its options.

    Example:
        >>> class Halves(Sampler):
        ...     def propose(self, network, history, limit):
        ...         bits = 8 >> len(history)
        ...         return Proposal({"weights": f"lut:bits={bits}"}) if bits else None
        >>> Halves().propose(None, [], None).options
        {'weights': 'lut:bits=8'}
    """

    name: ClassVar[str] = ""
    """What recipes call it."""
    short: ClassVar[str] = ""
    """The option that a value alone stands for; none if empty."""

    def known(self) -> Sequence[Any]:
        """Returns options that it will propose, whatever comes of others."""
        return ()

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


_REGISTERED: Dict[str, Type[Sampler]] = {}


def register_sampler(name: str) -> Callable[[_Kind], _Kind]:
    """Makes a sampler known by the name that recipes use.

    Args:
        name: The name.
    """

    def add(kind: _Kind) -> _Kind:
        kind.name = name
        _REGISTERED[name] = kind
        return kind

    return add


def samplers() -> Dict[str, Type[Sampler]]:
    """Returns the samplers by name."""
    return dict(sorted(_REGISTERED.items()))


def sampler_of(entry: Any, where: str = "sampler") -> Sampler:
    """Returns a sampler from what a recipe says.

    Args:
        entry: ``{NAME: {OPTION: VALUE}}``, or the name alone.
        where: What messages call the place.

    Raises:
        ConfigError: If there is no such sampler, or an option is wrong.
    """
    if isinstance(entry, Sampler):
        return entry
    name, content = named(entry, where)
    if name not in _REGISTERED:
        raise ConfigError(
            f"{where}: unknown sampler {name!r}.", help=did_you_mean(name, list(_REGISTERED))
        )
    kind = _REGISTERED[name]
    if kind.short and content is not None and not isinstance(content, Mapping):
        content = {kind.short: content}
    return validated(kind, {} if content is None else content, f"{where}: {name}")
