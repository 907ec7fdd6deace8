# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a transform is: options, a decision on a network, and the network that follows from it."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Mapping, Optional, Protocol, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence, Examples
from nnabla_compress.named_options import NamedOptions, Registry

Decisions = Dict[str, Any]


class Context(Evidence, Protocol):
    """What a transform may look at beside the network, to decide."""

    @property
    def untrained(self) -> bool:
        """Whether this only tries what can be done, and a training before it was left out."""

    def tell(self, line: str) -> None:
        """Tells the user something before long work begins."""


class Alone:
    """The context of a network without data."""

    seed = 0
    untrained = False

    def samples(self, most: int) -> Optional[Dict[str, np.ndarray]]:
        """Returns None: there are none."""
        return None

    def examples(self, most: int) -> Optional[Examples]:
        """Returns None: there are none."""
        return None

    def tell(self, line: str) -> None:
        """Tells nobody."""


class Transform(NamedOptions):
    """Network in, network out; a subclass is one transform, and its fields are its options.

    What depends on a network's values or on data is decided once, by :meth:`decide`, and is plain
    data: a run writes it down. :meth:`replay` builds the same network from it again, from any
    number of samples and years later, and looks at no values.
    """

    holds: ClassVar[bool] = False
    """Whether it changes parameters of the network, and so can be done once only. The network is
    then built from its graph from now on, not from its source."""
    of_inference: ClassVar[bool] = False
    """Whether it takes the network as it infers, and gives one that is trained so, too."""
    same_function: ClassVar[bool] = False
    """Whether the network computes the same afterwards, but for rounding."""
    fits: ClassVar[bool] = False
    """Whether :meth:`fit` gives parameters values that the decisions do not tell."""

    @property
    def held(self) -> bool:
        """Whether these options hold the network; :attr:`holds` where all of them do."""
        return self.holds

    @property
    def sets_values(self) -> bool:
        """Whether it does so with these options; :attr:`fits` where it may with some."""
        return self.fits

    def need_of_data(self) -> Optional[str]:
        """Returns why it needs data, None if it does not."""
        return None

    @property
    def needs_targets(self) -> bool:
        """Whether it looks at what is wanted of samples, too."""
        return False

    @property
    def rehearsed(self) -> Transform:
        """What is applied in its place to find out whether all of a run fits together.

        It makes a network of the same structure, or about the same, in little time.
        """
        return self

    def decide(self, network: Network, context: Context) -> Decisions:
        """Returns what is to be done to a network, as JSON values.

        Args:
            network: The network, its parameters in the current scope.
            context: Data and seed.
        """
        return {}

    def told(self, decisions: Mapping[str, Any]) -> Optional[str]:
        """Returns what a user should know of what was decided, in a line; None for nothing.

        Args:
            decisions: As from :meth:`decide`.
        """
        return None

    def replay(self, network: Network, decisions: Mapping[str, Any]) -> Network:
        """Returns the network that was decided on; new parameters are made in the current scope.

        Args:
            network: The network, or the same one for another number of samples or for training.
            decisions: As from :meth:`decide`.
        """
        raise NotImplementedError

    def fit(
        self, given: Network, made: Network, decisions: Mapping[str, Any], context: Context
    ) -> None:
        """Gives parameters of the new network values that come from data.

        It is called once, after the first :meth:`replay`; a run keeps the parameters.

        Args:
            given: What the transform got.
            made: What it made of that.
            decisions: As from :meth:`decide`.
            context: Data and seed.
        """

    def prove(self, given: Network, made: Network, decisions: Mapping[str, Any]) -> None:
        """Refuses a network that does not compute what it should.

        Args:
            given: What the transform got.
            made: What it made of that.
            decisions: As from :meth:`decide`.
        """

    def apply(
        self, network: Network, context: Optional[Context] = None
    ) -> Tuple[Network, Decisions]:
        """Decides, builds the network and proves it.

        Args:
            network: The network, its parameters in the current scope.
            context: Data and seed; without it there are none.

        Returns:
            The new network, and what was decided. Where anything is refused, the parameters of the
            current scope are those of before.
        """
        context = context or Alone()
        before = nn.get_parameters(grad_only=False)
        try:
            decisions = self.decide(network, context)
            made = self.replay(network, decisions)
            self.fit(network, made, decisions, context)
            self.prove(network, made, decisions)
        except Exception:
            for path in set(nn.get_parameters(grad_only=False)) - set(before):
                nn.parameter.pop_parameter(path)
            for path, parameter in before.items():
                nn.parameter.set_parameter(path, parameter)
            raise
        return made, decisions


_REGISTRY = Registry("transform", Transform)
register_transform = _REGISTRY.register
transforms = _REGISTRY.all
transform_named = _REGISTRY.kind
