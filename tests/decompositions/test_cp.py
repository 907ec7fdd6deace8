# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""CP: what it meets exactly, that it stays bounded, and NNabla's own beside it."""

from __future__ import annotations

import numpy as np
import pytest
from nnabla.utils.factorization import cpd

from nnabla_compress.decompositions import cp3, cp3_tensor
from nnabla_compress.errors import ConfigError

TENSOR = np.random.RandomState(1).randn(5, 3, 9)


def test_the_least_product_of_two_sizes_meets_every_tensor():
    assert cp3(TENSOR, 15).error < 1e-5
    assert 0.01 < cp3(TENSOR, 9).error < 0.079  # NNabla's gets to 7.9 %
    assert cp3(TENSOR, 3).error < 0.717


@pytest.mark.parametrize("rank", [3, 9])
def test_it_is_no_worse_than_nnablas(rank):
    factors, scale = cpd.ALS().solve(TENSOR, rank)
    theirs = np.einsum("r,or,ir,kr->oik", scale, *factors)
    error = np.linalg.norm(TENSOR - theirs) / np.linalg.norm(TENSOR)
    assert cp3(TENSOR, rank).error <= error + 1e-3


def test_its_error_is_that_of_its_factors():
    found = cp3(TENSOR, 4)
    missing = np.linalg.norm(TENSOR - cp3_tensor(found.factors)) / np.linalg.norm(TENSOR)
    assert found.error == pytest.approx(missing, rel=1e-6)


def test_components_that_cancel_each_other_stay_bounded(monkeypatch):
    # a a b + a b a + b a a has rank 3, but rank 2 comes as near as one likes with ever larger ones.
    a, b = np.array([1.0, 0]), np.array([0, 1.0])
    tensor = sum(np.einsum("i,j,k->ijk", *axes) for axes in ((a, a, b), (a, b, a), (b, a, a)))

    def largest(limit):
        monkeypatch.setattr("nnabla_compress.decompositions.cp._LIMIT", limit)
        found = cp3(tensor, 2, seeds=[0], iterations=1000, settled=0)
        sizes = np.prod([np.linalg.norm(factor, axis=0) for factor in found.factors], axis=0)
        return sizes.max() / np.linalg.norm(tensor), found.error

    assert largest(100)[0] > 2
    bounded, error = largest(1.5)
    assert bounded <= 1.5
    assert error < 0.2


def test_the_best_of_several_seeds_is_kept():
    alone = [cp3(TENSOR, 4, seeds=[seed]) for seed in (0, 1, 2)]
    together = cp3(TENSOR, 4, seeds=(0, 1, 2))
    assert together.error == min(found.error for found in alone)
    assert together.seed == int(np.argmin([found.error for found in alone]))


def test_a_weight_of_zeros_stays_zero():
    assert not cp3_tensor(cp3(np.zeros((2, 3, 4)), 2).factors).any()


def test_a_rank_out_of_range_is_refused():
    with pytest.raises(ConfigError, match="the rank is 16"):
        cp3(TENSOR, 16)
