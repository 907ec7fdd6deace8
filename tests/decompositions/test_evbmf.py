# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Planted ranks are found in noise."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.decompositions import evbmf


@pytest.mark.parametrize(
    "rows, columns, rank, noise, variance",
    [(30, 100, 5, 0.1, 0.0096), (30, 100, 5, 1.0, 0.993), (64, 576, 8, 0.5, 0.25)],
)
@pytest.mark.parametrize("turned", [False, True])
def test_planted_ranks_are_found(rows, columns, rank, noise, variance, turned):
    rng = np.random.RandomState(0)
    matrix = rng.randn(rows, rank) @ rng.randn(rank, columns) + noise * rng.randn(rows, columns)
    found = evbmf(matrix.T if turned else matrix)
    assert found.rank == rank
    assert found.noise == pytest.approx(variance, rel=0.05)


def test_noise_alone_has_no_rank(rng):
    assert evbmf(rng.randn(64, 200)).rank == 0


def test_zeros_have_no_rank_and_no_noise():
    assert evbmf(np.zeros((4, 6))) == (0, 0.0)


def test_a_matrix_without_noise_has_its_rank(rng):
    assert evbmf(rng.randn(20, 3) @ rng.randn(3, 50)).rank == 3
