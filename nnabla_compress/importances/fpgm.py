# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Filters that others can stand for: those nearest to the geometric median of their layer.

::

    score_i = sum_j ||w_i - w_j||_2

over the filters j of the layer. The smallest go, however long the filters are.

Y. He et al., Filter pruning via geometric median for deep convolutional neural networks
acceleration, arXiv:1811.00250.
"""

from __future__ import annotations

from typing import Dict, Sequence

import numpy as np

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.filters import filters
from nnabla_compress.importances.importance import Importance, register_importance


@register_importance("fpgm")
class FPGM(Importance):
    """Ranks channels by how far their filters are from the other ones of the layer (FPGM)."""

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the sum of the distances of each channel's filter."""
        return {group.name: distances(filters(network, group)) for group in groups}


def distances(rows: np.ndarray) -> np.ndarray:
    """Returns the sum of the Euclidean distances of each row from all rows, (n,).

    Args:
        rows: (n, entries).

    Example:
        >>> distances(np.float64([[3, 4], [0, 1], [2.5, 3.5]])).round(4).tolist()
        [4.9497, 7.7782, 4.2426]
    """
    return np.array([np.sqrt(np.square(rows - row).sum(axis=1)).sum() for row in rows])
