# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels that are small wherever one looks: the mean magnitude behind the activation.

``mean |y|`` over the entries of the map and over samples.

P. Molchanov et al., Pruning convolutional neural networks for resource efficient inference,
arXiv:1611.06440.
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


@register_importance("mean_activation")
class MeanActivation(Importance):
    """Ranks channels by the mean magnitude of their feature maps.

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
            lambda values: np.abs(values).reshape(*values.shape[:2], -1).mean(axis=2),
        )
