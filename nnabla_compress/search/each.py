# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A sampler that tries each option of a list."""

from __future__ import annotations

from typing import Any, List, Optional, Sequence

from pydantic import Field

from nnabla_compress.graph.network import Network
from nnabla_compress.search.sampler import Proposal, Sampler, Trial, register_sampler


@register_sampler("each")
class Each(Sampler):
    """Tries all options of a list, in order.

    Args:
        options: What the transform is given, one after the other.

    Example:
        >>> each = Each(options=["lut:bits=2", "lut:bits=4"])
        >>> each.propose(None, [], None).options
        'lut:bits=2'
    """

    short = "options"

    options: List[Any] = Field(min_length=1)

    def known(self) -> Sequence[Any]:
        """Returns all of them."""
        return self.options

    def propose(
        self, network: Network, history: Sequence[Trial], limit: Optional[float]
    ) -> Optional[Proposal]:
        """Returns the next one of the list."""
        return Proposal(self.options[len(history)]) if len(history) < len(self.options) else None

    def together(
        self, network: Network, history: Sequence[Trial], limit: Optional[float]
    ) -> List[Proposal]:
        """Returns all that are left."""
        return [Proposal(options) for options in self.options[len(history) :]]
