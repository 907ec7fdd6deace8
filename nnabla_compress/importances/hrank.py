# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels whose maps have a low rank, and so tell little.

``mean rank(Y)`` over samples, Y a channel's map behind the activation, (height, width).

M. Lin et al., HRank: filter pruning using high-rank feature map, arXiv:2002.10179.
"""

from __future__ import annotations

from typing import Dict, Sequence

import numpy as np
from pydantic import Field

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.importance import Importance, register_importance
from nnabla_compress.importances.maps import means


@register_importance("hrank")
class HRank(Importance):
    """Ranks channels by the mean matrix rank of their feature maps (HRank).

    Args:
        samples: Samples to look at, drawn from the training samples.
    """

    short = "samples"
    needs_data = True
    comparable = False

    samples: int = Field(default=256, ge=1)

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the mean of each channel."""
        samples = self.drawn(evidence, self.samples)
        return means(
            network,
            groups,
            samples,
            lambda values: ranks(values),
        )


def ranks(values: np.ndarray) -> np.ndarray:
    """Returns the rank of each map, (batch, channels).

    Args:
        values: Maps (batch, channels, ..., width); all axes between are rows of a matrix. Maps
            without rows and columns have the rank 1, or 0 where they are zero.

    Example:
        >>> ranks(np.float32([[[[1, 2], [2, 4]], [[1, 0], [0, 1]], [[0, 0], [0, 0]]]])).tolist()
        [[1, 2, 0]]
    """
    width = values.shape[-1] if values.ndim > 2 else 1
    rows = values.reshape(*values.shape[:2], -1, width)
    return np.linalg.matrix_rank(rows)
