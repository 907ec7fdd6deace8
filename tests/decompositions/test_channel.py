# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A kernel to few channels, nearest to the weights or to the layer's responses."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.decompositions import channel, channel_weight, singular_values, tails


def error(weight, patches, **options):
    first, last = channel(weight, 3, **options)
    matrix = weight.reshape(len(weight), -1)
    made = channel_weight(first, last).reshape(matrix.shape)
    return np.square((matrix - made) @ patches).sum()


def test_without_responses_the_weights_are_met_best(rng):
    weight = rng.randn(6, 4, 3, 3)
    first, last = channel(weight, 2)
    assert first.shape == (2, 4, 3, 3)
    assert last.shape == (6, 2)
    left_out = tails(singular_values(weight.reshape(6, -1)))
    missing = np.square(weight - channel_weight(first, last)).sum()
    assert missing == pytest.approx(left_out[2])


def test_with_responses_the_outputs_are_met_better_than_by_the_weights(rng):
    weight = rng.randn(6, 4, 3, 3)
    # Patches of images are no white noise: a few directions hold most of their energy.
    patches = rng.randn(36, 5) @ rng.randn(5, 400) + 0.1 * rng.randn(36, 400)
    responses = weight.reshape(6, -1) @ patches
    fitted = error(weight, patches, responses=responses @ responses.T)
    assert fitted < 0.5 * error(weight, patches)
    # What no basis of three directions can do better.
    assert fitted == pytest.approx(tails(singular_values(responses))[3])


def test_both_factors_hold_values_of_alike_size(rng):
    weight = 100 * rng.randn(6, 4, 3, 3)
    for responses in (None, np.eye(6)):
        first, last = channel(weight, 6, responses)
        sizes = np.linalg.norm(first.reshape(6, -1), axis=1), np.linalg.norm(last, axis=0)
        np.testing.assert_allclose(*sizes)
        np.testing.assert_allclose(channel_weight(first, last), weight, atol=1e-9)
