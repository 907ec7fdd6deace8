# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The sum of the magnitudes of the weights that make a channel: the first criterion for filters.

``sum |w|``; of a single weight ``|w|``.

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


@register_importance("l1")
class L1(Importance):
    """Ranks channels by the sum of the magnitudes of their weights, and weights by magnitude."""

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns ``sum |w|`` of each channel."""
        return {group.name: np.abs(filters(network, group)).sum(axis=1) for group in groups}

    def of_weights(
        self, network: Network, weights: Mapping[str, nn.Variable], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns ``|w|``."""
        return {name: np.abs(weight.d) for name, weight in weights.items()}
