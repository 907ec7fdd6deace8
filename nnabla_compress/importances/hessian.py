# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far the loss curves where the channel's weights lie, times how far they would move.

::

    score = (Tr H / n) ||w||^2

with H the Hessian of the mean loss with respect to the channel's n weights w: what HAWQ says of a
quantization that sets all of them to zero. Of a single weight it is ``H_ii w_i^2 / 2``, the
saliency of optimal brain damage. The diagonal comes from Hutchinson's probes v of random signs::

    H_ii = E[v_i (H v)_i]        H v = (g(w + e v) - g(w - e v)) / 2e

Z. Dong et al., HAWQ-V2: Hessian aware trace-weighted quantization of neural networks,
arXiv:1911.03852; Y. LeCun et al., Optimal brain damage, NeurIPS 1989.
"""

from __future__ import annotations

from typing import Callable, Dict, List, Mapping, Sequence

import nnabla as nn
import numpy as np
from pydantic import Field

from nnabla_compress.analysis.couplings import Group
from nnabla_compress.graph.network import Network
from nnabla_compress.importances.evidence import Evidence
from nnabla_compress.importances.filters import entries, parameters_by_name
from nnabla_compress.importances.gradients import Gradients
from nnabla_compress.importances.importance import Importance, register_importance

Arrays = List[np.ndarray]
# How far weights are moved, as a part of their root mean square in the layer.
_STEP = 0.01


@register_importance("hessian")
class Hessian(Importance):
    """Ranks channels, or weights, by the curvature of the loss at their weights (HAWQ).

    Args:
        samples: Samples to compute the loss of, drawn from the training samples.
        probes: Random vectors; each costs two passes forward and back.
    """

    short = "probes"
    needs_data = needs_targets = comparable = True

    samples: int = Field(default=256, ge=1)
    probes: int = Field(default=8, ge=1)

    def scores(
        self, network: Network, groups: Sequence[Group], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns the mean curvature of each channel times the square of its weights' length."""
        parameters = parameters_by_name(network)
        members = {
            group.name: [member for member in group.members if member.role == "output"]
            for group in groups
        }
        weights = {m.parameter: parameters[m.parameter] for each in members.values() for m in each}
        curved = self._diagonals(network, weights, evidence)
        found: Dict[str, np.ndarray] = {}
        for name, each in members.items():
            rows = [entries(curved[m.parameter], m) for m in each]
            lengths = [entries(np.square(weights[m.parameter].d), m) for m in each]
            curvature, length = np.concatenate(rows, axis=1), np.concatenate(lengths, axis=1)
            found[name] = curvature.mean(axis=1) * length.sum(axis=1, dtype=np.float64)
        return found

    def of_weights(
        self, network: Network, weights: Mapping[str, nn.Variable], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        """Returns ``H_ii w_i^2 / 2``."""
        curved = self._diagonals(network, weights, evidence)
        return {name: curved[name] * np.square(weight.d) / 2 for name, weight in weights.items()}

    def _diagonals(
        self, network: Network, weights: Mapping[str, nn.Variable], evidence: Evidence
    ) -> Dict[str, np.ndarray]:
        examples = self.drawn_examples(evidence, self.samples)
        variables = list(weights.values())
        gradients = Gradients(network, examples, weights=variables)
        given = [np.array(variable.d) for variable in variables]

        def gradient(values: Arrays) -> Arrays:
            for variable, array in zip(variables, values):
                variable.d = array
            return gradients.of_weights()

        try:
            found = hessian_diagonals(gradient, given, self.probes, evidence.seed)
        finally:
            for variable, array in zip(variables, given):
                variable.d = array
        return dict(zip(weights, found))


def hessian_diagonals(
    gradient: Callable[[Arrays], Arrays], weights: Sequence[np.ndarray], probes: int, seed: int
) -> Arrays:
    """Returns estimates of the diagonal of the Hessian (Hutchinson).

    Args:
        gradient: Returns the gradients of a function at given weights.
        weights: Arrays where the Hessian is wanted.
        probes: Random vectors of signs.
        seed: What these are drawn with.

    Returns:
        Arrays of the shapes of the weights, float64.

    Example:
        >>> H = np.float64([[4, 1, 0], [1, 2, 1], [0, 1, 1]])
        >>> at = [np.float64([1, -2, 0.5])]
        >>> (found,) = hessian_diagonals(lambda w: [H @ w[0]], at, probes=2000, seed=0)
        >>> round(found.sum(), 1)
        7.0
    """
    random = np.random.RandomState(seed)
    at = [np.asarray(weight, np.float64) for weight in weights]
    steps = [_STEP * float(np.sqrt(np.square(w).mean())) or _STEP for w in at]
    found = [np.zeros(w.shape) for w in at]
    for _ in range(probes):
        signs = [random.choice((-1.0, 1.0), size=w.shape) for w in at]
        moved = [
            gradient([w + side * e * v for w, e, v in zip(at, steps, signs)]) for side in (1, -1)
        ]
        for total, above, below, e, v in zip(found, *moved, steps, signs):
            total += v * (above - below) / (2 * e * probes)
    return found
