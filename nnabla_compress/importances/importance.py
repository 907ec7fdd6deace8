# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an importance is: which channels, or which single weights, a network needs most."""

from __future__ import annotations

from typing import Any, ClassVar, Dict, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence, Examples
from nnabla_compress.named_options import NamedOptions, Registry


class Importance(NamedOptions):
    """Numbers that say how much a network needs its channels; a subclass is one way to find them.

    Larger means more important. What all channels of a network are asked at once, since one pass
    over the data serves all of them.
    """

    needs_data: ClassVar[bool] = False
    """Whether it looks at samples."""
    needs_targets: ClassVar[bool] = False
    """Whether it looks at what is wanted of them, too."""
    comparable: ClassVar[bool] = False
    """Whether channels of different layers may be compared by it as they are. Where not, the
    numbers of a group are divided by their mean before groups are compared."""

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the importance of each channel, by the name of the group: (size,) each.

        Args:
            network: The network in inference, its parameters in the current scope.
            groups: Groups of channels of it.
            evidence: Data and seed.

        Raises:
            ConfigError: If it says nothing of such channels.
            DataError: If it needs data that there are not.
        """
        raise ConfigError(
            f"importance {self.name} compares single weights, not channels.",
            help=f"choose one of {', '.join(rank_channels())}",
        )

    def of_weights(
        self, network: Network, weights: Mapping[str, nn.Variable], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the importance of each weight, by the name of the parameter, in its shape.

        Args:
            network: The network in inference, its parameters in the current scope.
            weights: Some of its parameters by name.
            evidence: Data and seed.

        Raises:
            ConfigError: If it compares whole channels only.
            DataError: If it needs data that there are not.
        """
        raise ConfigError(
            f"importance {self.name} compares channels, not single weights.",
            help=f"choose one of {', '.join(rank_weights())}",
        )

    def need_of_data(self) -> Optional[str]:
        """Returns why it needs data, None if it does not."""
        if not self.needs_data:
            return None
        found = "what samples and their targets" if self.needs_targets else "what samples"
        return f"importance {self.name} looks at {found} do in the network"

    def drawn(self, evidence: Evidence, most: int) -> Dict[str, np.ndarray]:
        """Returns samples by the name of the input.

        Args:
            evidence: Has them.
            most: Number of samples, fewer if there are fewer.

        Raises:
            DataError: If there are none.
        """
        found = evidence.samples(most)
        if found is None:
            raise DataError(f"{self.need_of_data()}, and there are no data.", help=_HELP)
        return found

    def drawn_examples(self, evidence: Evidence, most: int) -> Examples:
        """Returns samples with targets.

        Args:
            evidence: Has them.
            most: Number of samples, fewer if there are fewer.

        Raises:
            DataError: If there are none.
        """
        found = evidence.examples(most)
        if found is None:
            raise DataError(f"{self.need_of_data()}, and there are none.", help=_HELP)
        return found


_HELP = "add --data FILE.npz, or data: to the recipe; or choose l1, which looks at weights alone"
_REGISTRY = Registry("importance", Importance)
register_importance = _REGISTRY.register
importances = _REGISTRY.all


def importance_of(entry: Any, where: str = "importance") -> Importance:
    """Returns an importance from what a recipe says, as of :meth:`Registry.make`.

    Args:
        entry: ``{NAME: {OPTION: VALUE}}``, or the name alone.
        where: What messages call the place.

    Raises:
        ConfigError: If there is no such importance, or an option is wrong.

    Example:
        >>> importance_of("l1").name, importance_of({"random": {"seed": 3}}).seed
        ('l1', 3)
    """
    return _REGISTRY.make(entry, where)


def rank_channels() -> Sequence[str]:
    """Returns the names of those that compare channels."""
    return [n for n, kind in importances().items() if kind.scores is not Importance.scores]


def rank_weights() -> Sequence[str]:
    """Returns the names of those that compare single weights."""
    return [n for n, kind in importances().items() if kind.of_weights is not Importance.of_weights]
