# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from nnabla_compress.importances.class_maps import class_map, refined, upsampled


def test_a_map_is_the_weighted_sum_of_the_channels_without_what_speaks_against():
    values = np.array([[[[1.0, 2.0]], [[0.0, 3.0]]], [[[0.0, 0.0]], [[1.0, 1.0]]]])
    found = class_map(values, np.array([2.0, -1.0]))
    assert found.tolist() == [[[1, 0.5]], [[0, 0]]]


def test_each_sample_may_have_weights_of_its_own():
    values = np.ones((2, 2, 1, 2)) * np.array([1.0, 2.0])
    found = class_map(values, np.array([[1.0, 0.0], [-1.0, 0.0]]))
    assert found.tolist() == [[[0.5, 1]], [[0, 0]]]


def test_a_constant_stays_constant_in_any_size():
    assert (upsampled(np.full((1, 3, 2), 0.7), (7, 5)) == 0.7).all()


def test_maps_of_several_layers_are_multiplied():
    coarse = np.array([[[0.0, 1.0]]])
    fine = np.array([[[1.0, 0.5, 0.5, 1.0]]])
    expected = np.array([0, 0.125, 0.375, 1])
    np.testing.assert_allclose(refined([coarse, fine], (1, 4))[0, 0], expected)


def test_layers_that_agree_nowhere_leave_nothing():
    found = refined([np.array([[[0.0, 1.0]]]), np.array([[[1.0, 0.0]]])], (1, 2))
    assert not found.any()
