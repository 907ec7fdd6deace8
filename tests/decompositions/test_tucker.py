# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tucker-2: the bound of HOSVD, what HOOI gains, and how long a large layer takes."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.decompositions import mode_values, tails, tucker2, tucker2_weight
from nnabla_compress.errors import ConfigError
from tests.growth import times_as_long

EXAMPLE = np.random.RandomState(1).randn(4, 3, 3, 3)


def missing(weight, factors):
    return float(np.square(weight - tucker2_weight(factors)).sum())


def test_hosvd_has_the_error_and_the_bound_of_the_worked_example():
    bound = sum(tails(mode_values(EXAMPLE, axis))[2] for axis in (0, 1))
    assert missing(EXAMPLE, tucker2(EXAMPLE, 2, 2, rounds=0)) == pytest.approx(38.658, abs=5e-4)
    assert bound == pytest.approx(44.851, abs=5e-4)


def test_rounds_of_hooi_never_make_it_worse(rng):
    for _ in range(5):
        weight = rng.randn(8, 6, 3, 3)
        errors = [missing(weight, tucker2(weight, 3, 4, rounds=n)) for n in (0, 1, 2, 10)]
        assert all(b <= a + 1e-9 for a, b in zip(errors, errors[1:]))
        assert errors[-1] < errors[0]


def test_full_ranks_give_the_weight_back(rng):
    weight = rng.randn(8, 6, 3, 3)
    np.testing.assert_allclose(tucker2_weight(tucker2(weight, 6, 8)), weight, atol=1e-12)


def test_planted_ranks_are_met_exactly(rng):
    core = rng.randn(3, 2, 3, 3)
    weight = np.einsum("abkl,oa,bi->oikl", core, rng.randn(16, 3), rng.randn(2, 8))
    assert missing(weight, tucker2(weight, 2, 3)) < 1e-18 * np.square(weight).sum()


def test_values_are_those_of_an_svd(rng):
    weight = rng.randn(8, 6, 3, 3)
    for axis in (0, 1):
        unfolded = np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)
        np.testing.assert_allclose(
            mode_values(weight, axis), np.linalg.svd(unfolded, compute_uv=False), rtol=1e-10
        )


@pytest.mark.long
def test_a_large_layer_takes_no_longer_than_five_svds_of_it(rng):
    weight = rng.randn(512, 512, 3, 3).astype(np.float32)
    unfolded = weight.reshape(512, -1).astype(np.float64)
    assert 5 > times_as_long(
        lambda: tucker2(weight, 256, 256), lambda: np.linalg.svd(unfolded, full_matrices=False)
    )


@pytest.mark.parametrize("ranks, which", [((4, 2), "inputs"), ((2, 5), "outputs")])
def test_ranks_out_of_range_are_refused_by_name(ranks, which):
    with pytest.raises(ConfigError, match=f"the rank of the {which} is"):
        tucker2(EXAMPLE, *ranks)
