# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from itertools import combinations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.couplings import couplings
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.graph.network import Network
from nnabla_compress.importances import Reconstruction
from tests.importances.small import Given, scores, two_layers

RNG = np.random.RandomState(0)
SAMPLES = RNG.randn(300, 3)
FILTERS = RNG.randn(5, 3)


def lost(h, y, channels):
    """The part of y's variance that least squares of h without these channels leaves."""
    kept = np.delete(h, channels, axis=1)
    patterns = np.concatenate([kept, np.ones((len(h), 1))], axis=1)
    rest = y - patterns @ np.linalg.lstsq(patterns, y, rcond=None)[0]
    return np.square(rest).sum() / np.square(y - y.mean(axis=0)).sum()


def test_it_is_what_least_squares_lose_without_a_channel_and_all_that_go_before():
    reading = [1.0, -2.0, 0.5, 1.5, -1.0]
    network, group = two_layers(FILTERS, reading)
    found = scores(Reconstruction(samples=300), network, group, Given(SAMPLES))
    h = np.maximum(SAMPLES @ FILTERS.T, 0)
    y = h @ np.reshape(reading, (-1, 1))
    order = np.argsort(found)
    for count in (1, 2, 3):
        np.testing.assert_allclose(
            found[order[count - 1]], lost(h, y, order[:count]), rtol=0.05, atol=2e-3
        )
    # The first one that goes is the one without which least is lost.
    assert order[0] == min(range(5), key=lambda channel: lost(h, y, [channel]))
    best = min(lost(h, y, list(pair)) for pair in combinations(range(5), 2))
    assert lost(h, y, order[:2]) == pytest.approx(best)


def test_a_channel_that_another_one_tells_is_lost_for_nothing():
    filters = np.array(FILTERS)
    filters[3] = 2 * filters[1]
    network, group = two_layers(filters)
    found = scores(Reconstruction(), network, group, Given(SAMPLES))
    assert min(found[1], found[3]) < 1e-3 < np.sort(found)[1]


def test_what_a_normalization_makes_small_counts_less():
    nn.clear_parameters()
    x = nn.Variable((1, 2))
    h = PF.affine(x, 2, with_bias=False, name="a")
    y = PF.batch_normalization(
        PF.affine(h, 2, with_bias=False, name="b"), batch_stat=False, eps=0.0, name="n"
    )
    for name in "ab":
        nn.get_parameters()[f"{name}/affine/W"].d = np.eye(2)
    nn.get_parameters()["n/bn/gamma"].d = [[0.1, 1.0]]
    network = Network({"x": x}, {"y": F.relu(y)})
    (group,) = [g for g in couplings(network) if g.name == "a/affine"]
    x = np.random.RandomState(0).randn(500, 2)
    found = scores(Reconstruction(samples=500), network, group, Given(x))
    np.testing.assert_allclose(found, [0.01 / 1.01, 1], rtol=0.2)


def test_where_something_is_added_the_sum_is_the_measure():
    nn.clear_parameters()
    x = nn.Variable((1, 2))
    h = PF.affine(PF.affine(x, 2, with_bias=False, name="a"), 2, with_bias=False, name="b")
    for name in "ab":
        nn.get_parameters()[f"{name}/affine/W"].d = np.eye(2)
    network = Network({"x": x}, {"y": F.relu(h + 3 * x)})
    (group,) = [g for g in couplings(network) if g.name == "a/affine"]
    x = np.random.RandomState(0).randn(500, 2)
    found = scores(Reconstruction(samples=500), network, group, Given(x))
    assert found.max() == pytest.approx(1 / 16, rel=0.05)


def test_channels_that_no_layer_multiplies_are_refused_by_name():
    nn.clear_parameters()
    x = nn.Variable((1, 2, 4, 4))
    h = PF.convolution(x, 3, (1, 1), name="a")
    network = Network({"x": x}, {"y": PF.deconvolution(h, 2, (2, 2), name="d")})
    (group,) = [g for g in couplings(network) if g.name == "a/conv"]
    with pytest.raises(ConfigError, match="affine layer reads those of a/conv"):
        scores(Reconstruction(), network, group, Given(np.zeros((4, 2, 4, 4))))


def test_samples_of_another_shape_are_refused():
    with pytest.raises(DataError, match="samples of x are 2, the network takes 3"):
        scores(Reconstruction(), *two_layers(FILTERS), Given(np.zeros((4, 2))))
