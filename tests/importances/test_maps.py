# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where the channels of a group are looked at, against gates that are put in by hand."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.couplings import couplings
from nnabla_compress.graph.network import Network
from nnabla_compress.importances import MeanActivation, Taylor
from nnabla_compress.importances.maps import maps
from tests.importances.small import Given, scores


def residual(x, gate=None, inplace=False):
    """Two convolutions whose maps are added, each normalized; a gate on both, (1, 2, 1, 1)."""

    def gated(h):
        return h if gate is None else h * F.broadcast(gate, h.shape)

    a = PF.convolution(x, 2, (1, 1), with_bias=False, name="a")
    a = gated(PF.batch_normalization(a, batch_stat=False, name="a"))
    b = PF.convolution(F.relu(a), 2, (3, 3), pad=(1, 1), with_bias=False, name="b")
    b = gated(PF.batch_normalization(b, batch_stat=False, name="b"))
    h = F.relu(a + b, inplace=inplace)
    return PF.affine(F.global_average_pooling(h), 1, name="f")


@pytest.fixture
def network(rng):
    x = nn.Variable((1, 1, 4, 4))
    y = residual(x, inplace=True)
    for name, parameter in nn.get_parameters(grad_only=False).items():
        if not name.endswith("var"):
            parameter.d = rng.randn(*parameter.shape)
    return Network({"x": x}, {"y": y})


def test_layers_that_make_the_same_channels_have_one_gate(network, rng):
    (group,) = [group for group in couplings(network) if group.kept is None]
    assert group.makers == ("a/conv", "b/conv")
    x, targets = rng.randn(5, 1, 4, 4).astype(np.float32), rng.randn(5, 1).astype(np.float32)
    found = scores(Taylor(), network, group, Given(x, targets))
    expected = np.zeros(2)
    for sample, target in zip(x, targets):
        gate = nn.Variable.from_numpy_array(np.ones((1, 2, 1, 1), np.float32))
        gate.need_grad = True
        y = residual(nn.Variable.from_numpy_array(sample[None]), gate)
        loss = 0.5 * F.sum((y - target.item()) ** 2)
        loss.forward()
        gate.grad.zero()
        loss.backward()
        expected += np.square(gate.g.ravel()) / len(x)
    np.testing.assert_allclose(found, expected, rtol=1e-3)


def test_what_is_added_comes_in_where_maps_are_looked_at_behind_the_activation(network, rng):
    (group,) = [group for group in couplings(network) if group.kept is None]
    # a's map is read by b, too, and stops behind its normalization; b's goes on to the sum.
    found = maps(network, [group], through_additions=True)[group.name]
    assert [m.variable.parent.info.type_name for m in found] == ["BatchNormalization", "ReLU"]
    apart = maps(network, [group], through_additions=False)[group.name]
    assert {m.variable.parent.info.type_name for m in apart} == {"BatchNormalization"}


def test_an_activation_in_place_does_not_change_what_is_seen_before_it(rng):
    x = nn.Variable((1, 2))
    h = PF.affine(x, 3, with_bias=False, name="a")
    y = PF.affine(F.relu(h, inplace=True), 1, name="b")
    network = Network({"x": x}, {"y": y})
    (group,) = [group for group in couplings(network) if group.kept is None]
    values = rng.randn(6, 2).astype(np.float32)
    found = scores(MeanActivation(), network, group, Given(values))
    weight = nn.get_parameters()["a/affine/W"].d
    np.testing.assert_allclose(found, np.maximum(values @ weight, 0).mean(axis=0), rtol=1e-5)
