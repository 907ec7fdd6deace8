# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Preprocessing against the formula in float64, and its refusals."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.data import Preprocessing
from nnabla_compress.errors import ConfigError


def test_the_formula_is_scale_then_mean_then_std_for_each_channel():
    x = np.random.RandomState(0).randint(0, 256, (4, 3, 5, 6)).astype(np.uint8)
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    out = Preprocessing(1 / 255, mean, std)(x)
    oracle = np.stack(
        [(x[:, c].astype(np.float64) / 255 - mean[c]) / std[c] for c in range(3)], axis=1
    )
    assert out.dtype == np.float32 and out.shape == x.shape
    np.testing.assert_allclose(out, oracle, atol=1e-6)


def test_the_stored_samples_stay_as_they_are():
    x = np.ones((2, 3), np.float32)
    assert Preprocessing(2.0)(x).tolist() == [[2.0] * 3] * 2
    assert x.tolist() == [[1.0] * 3] * 2


def test_lists_of_a_recipe_are_taken_and_hashable():
    preprocessing = Preprocessing(mean=[1, 2], std=[1, 4])
    assert preprocessing(np.array([[1.0, 6.0]])).tolist() == [[0.0, 1.0]]
    assert hash(preprocessing) == hash(Preprocessing(mean=(1.0, 2.0), std=(1.0, 4.0)))


@pytest.mark.parametrize(
    "settings",
    [
        {"scale": 0},
        {"scale": float("nan")},
        {"scale": (1, 2)},
        {"mean": "a"},
        {"mean": ()},
        {"mean": [[1]]},
        {"std": 0},
        {"std": (1, -1)},
        {"std": float("inf")},
        {"std": None},
    ],
)
def test_numbers_without_meaning_are_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Preprocessing(**settings)


def test_a_mean_for_other_channels_is_refused():
    with pytest.raises(ConfigError, match="mean has 3 values.*1 channels"):
        Preprocessing(mean=(1, 2, 3)).check((1, 28, 28))
