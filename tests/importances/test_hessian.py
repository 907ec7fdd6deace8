# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.importances import Hessian
from nnabla_compress.importances.hessian import hessian_diagonals
from tests.importances.small import Given, scores, two_layers

H = np.float64([[4, 1, 0], [1, 2, 1], [0, 1, 1]])


def test_one_probe_has_the_trace_as_its_mean_and_the_variance_of_the_formula():
    """The variance is 2 sum of H_ij^2 for i != j: 8."""
    at = [np.float64([1, -2, 0.5])]
    traces = [hessian_diagonals(lambda w: [H @ w[0]], at, 1, seed)[0].sum() for seed in range(2000)]
    assert np.mean(traces) == pytest.approx(7, abs=0.2)
    assert np.var(traces) == pytest.approx(8, rel=0.05)


def test_many_probes_find_each_entry_of_the_diagonal():
    (found,) = hessian_diagonals(lambda w: [H @ w[0]], [np.float64([1, -2, 0.5])], 3000, 1)
    np.testing.assert_allclose(found, [4, 2, 1], atol=0.1)


def test_of_single_weights_it_is_the_saliency_of_optimal_brain_damage():
    """With the curvature (4, 2, 1) and w = (1, -2, .5): 2, 4 and .125."""
    network, _ = two_layers([(1, -2, 0.5)], [1.0], activation=None)
    weights = {"a/affine/W": nn.get_parameters()["a/affine/W"]}
    x = np.diag(np.sqrt(3 * np.float64([4, 2, 1])))  # the mean of x x^T is the Hessian
    found = Hessian().of_weights(network, weights, Given(x, [0.0, 0.0, 0.0]))
    np.testing.assert_allclose(found["a/affine/W"].ravel(), [2, 4, 0.125], rtol=1e-3)
    assert nn.get_parameters()["a/affine/W"].d.ravel().tolist() == [1, -2, 0.5]


def test_a_channel_has_its_mean_curvature_times_the_square_of_its_length():
    network, group = two_layers([(1, 2)], [1.0], activation=None)
    x = np.diag(np.sqrt(2 * np.float64([4, 2])))
    found = scores(Hessian(), network, group, Given(x, [0.0, 0.0]))
    assert found[0] == pytest.approx(3 * 5, rel=1e-3)
