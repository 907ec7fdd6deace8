# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.exporters import export_nnb, export_nnp
from nnabla_compress.graph import functions
from nnabla_compress.models import NnpFile
from nnabla_compress.parsimonious.hyperplanes import Hyperplanes
from nnabla_compress.parsimonious.network import build_network
from nnabla_compress.simulator import Machine
from tests.c_runtime import check_runtime


def layers(depth, covariates):
    rng = np.random.RandomState(0)
    found, read, before = [], covariates, covariates
    for _ in range(depth):
        pair = tuple(Hyperplanes(rng.randn(read + 1, k), rng.rand(k)) for k in (2, 3))
        found.append(pair)
        read, before = 5 + before, 5
    return found


def by_hand(pairs, x):
    features, before = x, x
    for pair in pairs:
        h = np.concatenate([side.features(features) for side in pair], axis=1)
        last, features, before = features, np.concatenate([h, before], axis=1), h
    one, other = pairs[-1]
    return (one.probability(last) + 1 - other.probability(last)) / 2


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_it_computes_the_probabilities_and_every_engine_does(depth, tmp_path):
    nn.clear_parameters()
    pairs, rng = layers(depth, 4), np.random.RandomState(1)
    mean, scale = rng.randn(4), np.array([2.0, 0.5, 1.0, np.inf])
    x = rng.randn(30, 4).astype(np.float32)
    expected = by_hand(pairs, (x - mean) / scale)
    network = build_network(pairs, mean, scale, (4,))
    assert not nn.get_parameters()  # it has a scope of its own
    made = network.on({"x": nn.Variable.from_numpy_array(x)}).output
    made.forward()
    np.testing.assert_allclose(made.d[:, 1], expected, atol=2e-6)
    np.testing.assert_allclose(made.d.sum(axis=1), 1, atol=1e-6)
    with network.within():
        export_nnp(tmp_path / "net.nnp", network.output, network.inputs["x"])
    nnb = export_nnb(tmp_path / "net.nnb", tmp_path / "net.nnp")
    got = Machine(nnb).run_many([x])[0]
    np.testing.assert_allclose(got[:, 1], expected, atol=1e-5)
    check_runtime(nnb, [x])
    again = NnpFile(tmp_path / "net.nnp").build(x=nn.Variable((1, 4))).output
    assert "SoftPlus" not in {f.info.type_name for f in functions([again])}


def test_samples_of_several_axes_are_flattened():
    network = build_network(layers(1, 4), np.zeros(4), np.ones(4), (1, 2, 2))
    assert network.inputs["x"].shape == (1, 1, 2, 2) and network.output.shape == (1, 2)
