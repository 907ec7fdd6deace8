# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much smaller a network is made where that is measured, and by what."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Dict, List, Sequence

from nnabla_compress.errors import ConfigError
from nnabla_compress.importances import Importance, importance_of, rank_channels
from nnabla_compress.recipes.quick_prune import importance_entry
from nnabla_compress.search.sensitivity import CHANNELS, RANKS
from nnabla_compress.spelling import did_you_mean
from nnabla_compress.transforms.factors import FORMS


@dataclass(frozen=True)
class Shares:
    """How much smaller a network is made, and by what.

    Args:
        channels: Shares of each group's channels that go, the least important first.
        ranks: Shares of each layer's operations that a factorization leaves.
        importance: What channels are ranked by, such as "l1" or "taylor:samples=512".
        method: The method of factorization, or several with commas between: for each layer the
            one whose weights come nearest.
    """

    channels: Sequence[float] = ()
    ranks: Sequence[float] = ()
    importance: str = "l1"
    method: str = "spatial"

    def __post_init__(self) -> None:
        for option, given, what in (
            ("channels", self.channels, "a group's channels, which go"),
            ("ranks", self.ranks, "a layer's operations, which stay"),
        ):
            object.__setattr__(self, option, _checked(option, given, what))
        if self.channels:
            self.ranking()
        for name in self.methods if self.ranks else ():
            if name not in FORMS:
                raise ConfigError(f"unknown method {name!r}.", help=did_you_mean(name, list(FORMS)))

    @property
    def methods(self) -> List[str]:
        """The methods, one after the other."""
        return [word.strip() for word in self.method.split(",")]

    def ranking(self) -> Importance:
        """Returns the importance.

        Raises:
            ConfigError: If there is none of the name that ranks channels.
        """
        entry = importance_entry(self.importance)
        (name,) = entry
        if name not in rank_channels():
            raise ConfigError(
                f"unknown importance {name!r} of channels.",
                help=did_you_mean(name, list(rank_channels())),
            )
        return importance_of(entry)

    @property
    def how(self) -> Dict[str, str]:
        """The importance and the method, by kind."""
        found = {}
        if self.channels:
            found[CHANNELS] = self.importance
        if self.ranks:
            found[RANKS] = self.method
        return found


def _checked(option: str, shares: Sequence[float], what: str) -> List[float]:
    """Shares in order, each once."""
    for share in shares:
        if not (math.isfinite(share) and 0 < share < 1):
            raise ConfigError(
                f"{option}: {share:g} is no share of {what}.",
                help="choose above 0 and below 1, such as 0.25,0.5",
            )
    return sorted({float(share) for share in shares})
