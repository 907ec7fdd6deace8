# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much each connection moves the loss at its start: single-shot network pruning.

``|w dL/dw|`` of one batch, divided by its sum over all weights, so that all layers are compared.
A channel has the sum of its weights' numbers.

N. Lee et al., SNIP: single-shot network pruning based on connection sensitivity, arXiv:1810.02340.
"""

from __future__ import annotations

from typing import Dict, Mapping, Sequence

import nnabla as nn
import numpy as np
from pydantic import Field

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.filters import entries, parameters_by_name
from nnabla_compress.importances.gradients import Gradients
from nnabla_compress.importances.importance import Importance, register_importance


@register_importance("snip")
class SNIP(Importance):
    """Ranks weights, or channels, by how much the loss of one batch moves with them (SNIP).

    Args:
        samples: Samples of the batch, drawn from the training samples.
    """

    short = "samples"
    needs_data = needs_targets = comparable = True

    samples: int = Field(default=128, ge=1)

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the sum of the numbers of the weights that make each channel."""
        parameters = parameters_by_name(network)
        made = {
            member.parameter: parameters[member.parameter]
            for group in groups
            for member in group.members
            if member.role == "output"
        }
        found = self.of_weights(network, made, evidence)
        return {
            group.name: np.sum(
                [
                    entries(found[member.parameter], member).sum(axis=1)
                    for member in group.members
                    if member.role == "output"
                ],
                axis=0,
            )
            for group in groups
        }

    def of_weights(
        self, network: Network, weights: Mapping[str, nn.Variable], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns ``|w dL/dw|``, divided by its sum over all these weights."""
        examples = self.drawn_examples(evidence, self.samples)
        gradients = Gradients(network, examples, weights=list(weights.values())).of_weights()
        found = {
            name: np.abs(weight.d * gradient)
            for (name, weight), gradient in zip(weights.items(), gradients)
        }
        total = sum(float(each.sum()) for each in found.values())
        return {name: each / total if total else each for name, each in found.items()}
