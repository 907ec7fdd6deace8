# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A network of one layer with known filters, its group of channels, and samples for it."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.analysis.couplings import Group, Member
from nnabla_compress.graph.network import Network
from nnabla_compress.importances import Examples


def alone(size):
    return tuple((channel,) for channel in range(size))


def two_layers(filters, reading=None, activation=F.relu, gamma=None):
    """Affine layers a (inputs -> channels) and b (channels -> 1), with the rows as a's filters."""
    nn.clear_parameters()
    filters = np.float32(filters)
    x = nn.Variable((1, filters.shape[1]))
    h = PF.affine(x, len(filters), with_bias=False, name="a")
    members = [Member("a/affine", "output", "a/affine/W", 1, alone(len(filters)))]
    if gamma is not None:
        h = PF.batch_normalization(h, batch_stat=False, eps=0.0, name="n")
        nn.get_parameters()["n/bn/gamma"].d = np.reshape(gamma, (1, -1))
        members.append(Member("n/bn", "scale", "n/bn/gamma", 1, alone(len(filters))))
    h = h if activation is None else activation(h)
    y = PF.affine(h, 1, with_bias=False, name="b")
    members.append(Member("b/affine", "input", "b/affine/W", 0, alone(len(filters))))
    nn.get_parameters()["a/affine/W"].d = filters.T
    nn.get_parameters()["b/affine/W"].d = (
        np.ones((len(filters), 1)) if reading is None else np.reshape(reading, (-1, 1))
    )
    group = Group("a/affine", len(filters), tuple(members), None, True)
    return Network({"x": x}, {"y": y}), group


class Given:
    """Evidence that a test gives."""

    def __init__(self, x=None, targets=None, losses=None, seed=0):
        self.seed = seed
        self._x = None if x is None else np.float32(x)
        self._targets = None if targets is None else np.float32(targets).reshape(len(targets), -1)
        self._losses = losses or (lambda y, t: 0.5 * F.sum((y - t) ** 2, axis=1, keepdims=True))

    def samples(self, most):
        return None if self._x is None else {"x": self._x[:most]}

    def examples(self, most):
        if self._targets is None:
            return None
        return Examples({"x": self._x[:most]}, self._targets[:most], self._losses)


def scores(importance, network, group, evidence=None):
    return importance.scores(network, [group], evidence or Given())[group.name]
