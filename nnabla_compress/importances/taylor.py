# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much the loss would change without a channel, to first order.

A gate g = 1 on the channel's feature map, behind its batch normalization; for each sample::

    score = mean (g dL/dg)^2        g dL/dg = sum over the map of x dL/dx

where L is the loss of the sample and x the channel's values. Of a single weight it is
``(w dL/dw)^2`` with the mean loss. Layers that make the channels of one group together have one
gate. One pass forward and back over the samples serves all layers.

P. Molchanov et al., Importance estimation for neural network pruning, arXiv:1906.10771.
"""

from __future__ import annotations

from typing import Dict, Mapping, Sequence

import nnabla as nn
import numpy as np
from pydantic import Field

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.gradients import Gradients
from nnabla_compress.importances.importance import Importance, register_importance
from nnabla_compress.importances.maps import maps


@register_importance("taylor")
class Taylor(Importance):
    """Ranks channels, or weights, by how much the loss would change without them (Taylor).

    Args:
        samples: Samples to compute the loss of, drawn from the training samples.
    """

    short = "samples"
    needs_data = needs_targets = comparable = True

    samples: int = Field(default=512, ge=1)

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the mean square of each gate's gradient."""
        examples = self.drawn_examples(evidence, self.samples)
        places = maps(network, groups, through_additions=False)
        flat = [place for mine in places.values() for place in mine]
        gradients = Gradients(network, examples, [place.variable for place in flat])
        found = {group.name: np.zeros(group.size) for group in groups}
        for gates in gradients.each(lambda n, values, others: flat[n].products(values, others)):
            rest = iter(gates)
            for name, mine in places.items():
                gate = sum(next(rest).astype(np.float64) for _ in mine)
                found[name] += np.square(gate).sum(axis=0) / gradients.count
        return found

    def of_weights(
        self, network: Network, weights: Mapping[str, nn.Variable], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns ``(w dL/dw)^2``."""
        examples = self.drawn_examples(evidence, self.samples)
        gradients = Gradients(network, examples, weights=list(weights.values()))
        pairs = zip(weights.items(), gradients.of_weights())
        return {name: np.square(weight.d * gradient) for (name, weight), gradient in pairs}
