# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A fitted network as NNabla computes it: Affine and SoftPlus layers, and two exponentials.

::

    P(class 1) = (1 - exp(-lambda_1) + exp(-lambda_0)) / 2

with lambda_c what the hyperplanes of class c in the last layer add up to.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, Dict, List, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.parsimonious.hyperplanes import Hyperplanes
from nnabla_compress.turns import one_at_a_time

Sides = Tuple[Hyperplanes, Hyperplanes]


@one_at_a_time
def build_network(
    layers: Sequence[Sides], mean: np.ndarray, scale: np.ndarray, shape: Sequence[int]
) -> Network:
    """Returns the NNabla network of fitted layers, with a parameter scope of its own.

    Args:
        layers: The hyperplanes of class 1 and of class 0, a pair a layer.
        mean: What was taken from each covariate, (V,).
        scale: What it was divided by; infinity for covariates that are left out.
        shape: Shape of a sample.

    Returns:
        A network from ``x`` (1, ...) to ``y`` (1, 2), the probabilities of the classes 0 and 1.
        Its parameters are ``layer1/affine/W``, ..., ``rates/affine/W``, ``classes/affine/W``.
    """
    scope: Dict[str, Any] = OrderedDict()

    def affine(h: nn.Variable, weight: np.ndarray, bias: Any, name: str) -> nn.Variable:
        made: List[nn.Variable] = []
        for key, values in (("W", weight), ("b", bias)):
            if values is not None:
                path = f"{name}/affine/{key}"
                made.append(constant(np.asarray(values), path))
                with nn.parameter_scope("", scope):
                    nn.parameter.set_parameter(path, made[-1])
        return F.affine(h, *made)

    with nn.auto_forward(False):
        x = nn.Variable((1, *shape))
        raw = x if len(shape) == 1 else F.reshape(x, (-1, len(mean)), inplace=False)
        features, before, read_raw = raw, raw, len(mean)
        for number, sides in enumerate(layers, start=1):
            beta = np.concatenate([side.beta for side in sides], axis=1)
            weight, bias = beta[:-1].copy(), beta[-1].copy()
            if read_raw:  # the covariates that stand last: they were normalized
                own = weight[-read_raw:] / scale[:, None]
                weight[-read_raw:] = own
                bias -= mean @ own
            h = F.softplus(affine(features, weight, bias, f"layer{number}"))
            features, before = F.concatenate(h, before, axis=1), h
            read_raw = len(mean) if number == 1 else 0
        last = layers[-1]
        rates = np.zeros((sum(side.count for side in last), 2))
        rates[: last[0].count, 1], rates[last[0].count :, 0] = last[0].rates, last[1].rates
        left = F.exp(-1.0 * affine(before, rates, None, "rates"))
        halves = np.array([[-0.5, 0.5], [0.5, -0.5]])
        y = affine(left, halves, np.full(2, 0.5), "classes")
    return Network({"x": x}, {"y": y}, scope, name="parsimonious")
