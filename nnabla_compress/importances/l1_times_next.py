# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How large the weights are that make a channel, times how large those are that read it.

``(sum |w_made|) (sum |w_read|)``: a channel matters little, too, if nobody listens to it.
"""

from __future__ import annotations

from typing import Dict, Sequence

import numpy as np

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.filters import filters
from nnabla_compress.importances.importance import Importance, register_importance


@register_importance("l1_times_next")
class L1TimesNext(Importance):
    """Ranks channels by the magnitudes of the weights that make and that read them."""

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the product of the two sums of each channel."""
        found: Dict[str, np.ndarray] = {}
        for group in groups:
            made, read = (np.abs(filters(network, group, role)) for role in ("output", "input"))
            found[group.name] = made.sum(axis=1) * read.sum(axis=1)
        return found
