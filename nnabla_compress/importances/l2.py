# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The Euclidean length of the weights that make a channel.

``sqrt(sum w^2)``; of a single weight ``|w|``.

H. Li et al., Pruning filters for efficient ConvNets, arXiv:1608.08710.
"""

from __future__ import annotations

from typing import Dict, Mapping, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.filters import filters
from nnabla_compress.importances.importance import Importance, register_importance


@register_importance("l2")
class L2(Importance):
    """Ranks channels by the Euclidean length of their weights, and weights by magnitude."""

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns ``sqrt(sum w^2)`` of each channel."""
        return {
            group.name: np.sqrt(np.square(filters(network, group)).sum(axis=1)) for group in groups
        }

    def of_weights(
        self, network: Network, weights: Mapping[str, nn.Variable], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns ``|w|``."""
        return {name: np.abs(weight.d) for name, weight in weights.items()}
