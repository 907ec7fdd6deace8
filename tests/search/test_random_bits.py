# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Draws."""

from __future__ import annotations

import numpy as np

from nnabla_compress.search.random_bits import Random
from nnabla_compress.search.space import Space
from tests.search.oracles import searched


def test_nothing_is_drawn_twice_and_a_small_space_is_drawn_whole():
    space = Space.of("ab", [2, 4, 8])
    (walk,) = Random(evaluations=100).walks(space, 0)
    drawn = [bits for batch in walk for bits in batch]
    assert sorted(drawn) == sorted(space)


def test_the_best_of_many_draws_is_as_good_as_known():
    rewards = [searched("lenet", Random(evaluations=50), seed).best.reward for seed in range(40)]
    assert 0.43 < np.mean(rewards) < 0.50  # of many more .465
    assert len(set(rewards)) > 3
