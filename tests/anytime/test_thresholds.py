# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.anytime.thresholds import NOBODY, confidences, find_thresholds, leave

CONFIDENCE = np.array(
    [
        [0.9, 0.5, 0.8, 0.4, 0.6, 0.95, 0.3, 0.7],
        [0.9, 0.8, 0.9, 0.6, 0.7, 0.99, 0.85, 0.75],
        [1.0] * 8,
    ]
)


@pytest.mark.parametrize(
    "p, thresholds, exits",
    [
        (0.5, [0.7, 0.8], [0, 1, 0, 2, 2, 0, 1, 0]),
        (1.0, [0.9, 0.85], [0, 2, 1, 2, 2, 0, 1, 2]),
        (1.5, [0.95, 0.9], None),
    ],
)
def test_the_worked_example(p, thresholds, exits):
    found = find_thresholds(CONFIDENCE, p)
    np.testing.assert_array_equal(found[:2], thresholds)
    assert found[2] == -np.inf
    if exits is not None:
        assert leave(CONFIDENCE, found).tolist() == exits


def test_nobody_leaves_where_less_than_one_sample_should_or_too_few_are_left():
    found = find_thresholds(CONFIDENCE[:, :2], p=1.0)  # two thirds of a sample at each
    assert found[0] == found[1] == NOBODY
    same = np.full((3, 4), 0.5)  # all leave at the first: a tie
    assert find_thresholds(same, p=0.9).tolist() == [0.5, NOBODY, -np.inf]


@pytest.mark.parametrize("p", [1e-3, 1e3])
def test_extreme_ratios_are_numbers(p):
    found = find_thresholds(CONFIDENCE, p)
    assert np.isfinite(found[:2]).all()
    assert set(leave(CONFIDENCE, found)) == ({0, 2} if p < 1 else {2})


def test_one_logit_stands_for_two_classes_and_large_ones_do_not_overflow():
    np.testing.assert_allclose(confidences(np.array([[np.log(3.0)], [-np.log(3.0)]])), 0.75)
    assert confidences(np.array([[1e4, -1e4]])).tolist() == [1.0]
