# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What all importances owe."""

from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.importances import (
    FPGM,
    SNIP,
    Importance,
    importance_of,
    importances,
    rank_channels,
    rank_weights,
    register_importance,
)
from tests.importances.small import Given, scores, two_layers

NETWORK = ([(1.0, 2.0), (-3.0, 1.0), (0.5, 0.5)], [1.0, 2.0, -1.0])
EVIDENCE = Given(np.random.RandomState(0).normal(size=(20, 2)), np.zeros(20))


@pytest.mark.parametrize("name", rank_channels())
def test_it_gives_each_channel_a_number_and_leaves_the_network_alone(name):
    network, group = two_layers(*NETWORK, gamma=[1, 2, 3])
    before = network.state()
    found = scores(importance_of(name), network, group, EVIDENCE)
    assert found.shape == (3,) and np.isfinite(found).all() and len(set(found)) > 1
    assert (scores(importance_of(name), network, group, EVIDENCE) == found).all()
    assert all((before[path] == array).all() for path, array in network.state().items())


@pytest.mark.parametrize("name", rank_weights())
def test_it_gives_each_weight_a_number(name):
    network, _ = two_layers(*NETWORK)
    weights = {"a/affine/W": nn.get_parameters()["a/affine/W"]}
    found = importance_of(name).of_weights(network, weights, EVIDENCE)["a/affine/W"]
    assert found.shape == (2, 3) and np.isfinite(found).all() and len(set(found.ravel())) > 1


@pytest.mark.parametrize("name", sorted(set(importances())))
def test_it_says_why_it_needs_data_and_refuses_without(name):
    importance = importance_of(name)
    reason = importance.need_of_data()
    assert (reason is None) != importance.needs_data
    if importance.needs_data:
        with pytest.raises(DataError, match=name):
            scores(importance, *two_layers(*NETWORK, gamma=[1, 2, 3]))


def test_channels_that_go_through_convolutions_are_told_apart():
    import nnabla.parametric_functions as PF

    from nnabla_compress.analysis.couplings import Group, Member
    from nnabla_compress.graph.network import Network
    from tests.importances.small import alone

    nn.clear_parameters()
    x = nn.Variable((1, 1, 2, 2))
    h = PF.convolution(x, 2, (1, 1), with_bias=False, name="c")
    y = PF.affine(h, 1, with_bias=False, name="f")
    nn.get_parameters()["c/conv/W"].d = np.float32([1, 2]).reshape(2, 1, 1, 1)
    nn.get_parameters()["f/affine/W"].d = np.float32([1] * 4 + [10] * 4).reshape(8, 1)
    read = Member("f/affine", "input", "f/affine/W", 0, ((0, 1, 2, 3), (4, 5, 6, 7)))
    members = (Member("c/conv", "output", "c/conv/W", 0, alone(2)), read)
    group = Group("c/conv", 2, members, None, True)
    network = Network({"x": x}, {"y": y})
    assert scores(importance_of("l1_times_next"), network, group).tolist() == [4, 80]
    evidence = Given(np.ones((2, 1, 2, 2)), [0.0, 0.0])
    # y = 84: the gates have 84 (4, 80).
    expected = np.square(84 * np.float64([4, 80]))
    np.testing.assert_allclose(
        scores(importance_of("taylor"), network, group, evidence), expected, rtol=1e-5
    )


def test_what_compares_channels_only_refuses_weights_and_names_others():
    network, _ = two_layers(*NETWORK)
    with pytest.raises(ConfigError, match="fpgm compares channels, not single weights") as error:
        FPGM().of_weights(network, {}, Given())
    assert "l1" in error.value.help and "fpgm" not in error.value.help


def test_what_compares_weights_only_refuses_channels(monkeypatch):
    from nnabla_compress.importances import importance as module

    monkeypatch.setattr(module._REGISTRY, "kinds", dict(module._REGISTRY.kinds))

    @register_importance("single")
    class Single(Importance):
        """Compares weights only."""

    with pytest.raises(ConfigError, match="single compares single weights, not channels"):
        scores(Single(), *two_layers(*NETWORK))


def test_an_unknown_importance_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigError, match="unknown importance 'tailor'") as error:
        importance_of("tailor")
    assert "taylor" in error.value.help
    assert importance_of({"snip": 7}) == SNIP(samples=7)
