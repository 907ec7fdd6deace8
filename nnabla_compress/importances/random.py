# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Any order at all: what every other importance has to be better than."""

from __future__ import annotations

from typing import Dict, Mapping, Optional, Sequence
from zlib import crc32

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.importance import Importance, register_importance


@register_importance("random")
class Random(Importance):
    """Ranks channels and weights at random: the control that others are compared with.

    Args:
        seed: What is drawn with; left out, the seed of the run.
    """

    short = "seed"
    comparable = True

    seed: Optional[int] = None

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns numbers from 0 to 1, the same for a name and a seed."""
        return {group.name: self._drawn(group.name, (group.size,), evidence) for group in groups}

    def of_weights(
        self, network: Network, weights: Mapping[str, nn.Variable], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns numbers from 0 to 1, the same for a name and a seed."""
        return {name: self._drawn(name, weight.shape, evidence) for name, weight in weights.items()}

    def _drawn(self, name: str, shape: Sequence[int], evidence: Evidence) -> np.ndarray:
        seed = evidence.seed if self.seed is None else self.seed
        return np.random.RandomState([seed, crc32(name.encode())]).uniform(size=shape)
