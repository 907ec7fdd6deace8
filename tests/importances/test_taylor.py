# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.analysis.couplings import Group, Member
from nnabla_compress.errors import DataError
from nnabla_compress.graph.network import Network
from nnabla_compress.importances import Taylor
from nnabla_compress.importances.maps import BATCH
from tests.importances.small import Given, alone, scores, two_layers


def test_a_gate_has_the_square_of_the_sum_of_values_times_gradients():
    """w = (1, -2, .5), g = (.2, -.1, .4): the sum of products is .6, its square .36."""
    nn.clear_parameters()
    inp, w = nn.Variable((1, 1, 1, 3)), nn.Variable.from_numpy_array(np.float32([[[[1]]]]))
    w.need_grad = True
    w.name = "c/conv/W"
    network = Network({"x": inp}, {"y": F.convolution(inp, w)})
    group = Group("c/conv", 1, (Member("c/conv", "output", "c/conv/W", 0, alone(1)),), None, True)
    slope = nn.Variable.from_numpy_array(np.float32([0.2, -0.1, 0.4]).reshape(1, 1, 1, 3))
    x, losses = np.float32([[[[1, -2, 0.5]]]]), lambda y, t: F.reshape(F.sum(y * slope), (1, 1))
    evidence = Given(x, [0.0], losses)
    assert scores(Taylor(), network, group, evidence)[0] == pytest.approx(0.36)


def test_it_is_the_mean_over_samples_whatever_the_size_of_a_batch():
    random = np.random.RandomState(0)
    network, group = two_layers(random.normal(size=(4, 3)), random.normal(size=4))
    x, targets = random.normal(size=(BATCH + 3, 3)), random.normal(size=(BATCH + 3, 1))
    found = scores(Taylor(), network, group, Given(x, targets))
    W, b = (nn.get_parameters()[f"{name}/affine/W"].d for name in "ab")
    h = np.maximum(x @ W, 0)
    gates = h * (h @ b - targets) * b[:, 0]
    np.testing.assert_allclose(found, np.square(gates).mean(axis=0), rtol=1e-4)


def test_of_single_weights_it_is_the_square_of_weight_times_gradient():
    network, _ = two_layers([(1.0, 2.0)], [3.0], activation=None)
    weights = {"a/affine/W": nn.get_parameters()["a/affine/W"]}
    found = Taylor().of_weights(network, weights, Given([[1, 1], [1, 0]], [8.0, 3.0]))
    # y = 9 and 3: the mean gradient of w is (9 - 8) 3 (1, 1) / 2.
    assert found["a/affine/W"].ravel().tolist() == [2.25, 9]


def test_without_targets_it_says_what_it_needs():
    with pytest.raises(DataError, match="samples and their targets.*there are none") as error:
        scores(Taylor(), *two_layers([(3, 4)]), Given([[1, 2]]))
    assert "--data" in error.value.help


def test_samples_of_another_shape_are_refused():
    with pytest.raises(DataError, match=r"\(3,\), the network takes \(2,\)"):
        scores(Taylor(), *two_layers([(3, 4)]), Given([[1, 2, 3]], [0.0]))
