# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Statistics of batch normalizations against NumPy."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.calibration.batch_statistics import estimate_statistics


def test_means_and_variances_are_those_of_all_samples_behind_each_other(rng):
    x = nn.Variable((1, 2, 3, 3))
    h = PF.batch_normalization(x, batch_stat=False, name="a")
    y = PF.batch_normalization(F.dropout(F.relu(h), 0.5), batch_stat=False, name="b")
    samples = (3 + 2 * rng.randn(40, 2, 3, 3)).astype(np.float32)
    (given,) = [np.array(nn.get_parameters()["a/bn/gamma"].d)]
    assert estimate_statistics([y], [x], [samples], batch_size=40) == 2
    found = nn.get_parameters(grad_only=False)
    axes = (0, 2, 3)
    np.testing.assert_allclose(found["a/bn/mean"].d.ravel(), samples.mean(axes), rtol=1e-5)
    np.testing.assert_allclose(found["a/bn/var"].d.ravel(), samples.var(axes), rtol=1e-4)
    mean, variance = (samples.mean(axes, keepdims=True), samples.var(axes, keepdims=True))
    behind = np.maximum((samples - mean) / np.sqrt(variance + 1e-5), 0)
    np.testing.assert_allclose(found["b/bn/mean"].d.ravel(), behind.mean(axes), rtol=1e-3)
    assert (found["a/bn/gamma"].d == given).all()


def test_several_batches_count_as_one(rng):
    x = nn.Variable((1, 2))
    y = PF.batch_normalization(x, batch_stat=False, name="a")
    samples = rng.randn(25, 2).astype(np.float32) + np.repeat(np.arange(5), 5)[:, None]
    estimate_statistics([y], [x], [samples], batch_size=5)
    found = nn.get_parameters(grad_only=False)
    np.testing.assert_allclose(found["a/bn/var"].d.ravel(), samples.var(axis=0), rtol=1e-4)


def test_a_network_without_normalizations_stays(rng):
    x = nn.Variable((1, 2))
    assert estimate_statistics([F.relu(x)], [x], [rng.randn(4, 2)]) == 0


@pytest.mark.parametrize("options", [{"no_bias": True}, {"no_scale": True}])
def test_normalizations_without_shift_or_scale(options, rng):
    x = nn.Variable((1, 2))
    y = PF.batch_normalization(x, batch_stat=False, name="a", **options)
    samples = rng.randn(10, 2).astype(np.float32)
    estimate_statistics([y], [x], [samples])
    found = nn.get_parameters(grad_only=False)["a/bn/mean"].d.ravel()
    np.testing.assert_allclose(found, samples.mean(axis=0), rtol=1e-4)
