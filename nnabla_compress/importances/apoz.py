# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Channels that are zero nearly always: the average percentage of zeros behind the activation.

``1 - (zeros of the map) / (entries of the map)``, the mean over samples.

H. Hu et al., Network trimming: a data-driven neuron pruning approach, arXiv:1607.03250.
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


@register_importance("apoz")
class APoZ(Importance):
    """Ranks channels by how rarely they are zero behind the activation (APoZ).

    Args:
        samples: Samples to look at, drawn from the training samples.
    """

    short = "samples"
    needs_data = True
    comparable = True

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
            lambda values: (values != 0).reshape(*values.shape[:2], -1).mean(axis=2),
        )
