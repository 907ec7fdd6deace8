# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A truncated SVD is the nearest matrix of its rank."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.decompositions import truncated_svd
from nnabla_compress.errors import ConfigError

SMALL = np.array([[3.0, 0], [4, 5], [0, 0]])  # singular values 6.708204, 2.236068


def test_the_error_is_the_energy_of_what_is_cut_off():
    left, right = truncated_svd(SMALL, 1)
    error = np.linalg.norm(SMALL - left @ right)
    assert error == pytest.approx(2.236068, abs=1e-6)
    assert error / np.linalg.norm(SMALL) == pytest.approx(0.316228, abs=1e-6)


def test_the_full_rank_gives_the_matrix_back(rng):
    matrix = rng.randn(7, 4)
    left, right = truncated_svd(matrix, 4)
    np.testing.assert_allclose(left @ right, matrix, atol=1e-12)


def test_singular_values_are_shared_out_as_asked():
    left, right = truncated_svd(SMALL, 2)
    np.testing.assert_allclose(np.linalg.norm(left, axis=0), np.linalg.norm(right, axis=1))
    left, right = truncated_svd(SMALL, 2, left_share=1)
    np.testing.assert_allclose(np.linalg.norm(left, axis=0), [6.708204, 2.236068], atol=1e-6)
    np.testing.assert_allclose(right @ right.T, np.eye(2), atol=1e-12)


@pytest.mark.parametrize("rank", [0, 3])
def test_a_rank_out_of_range_is_refused(rank):
    with pytest.raises(ConfigError, match=f"the rank is {rank}") as caught:
        truncated_svd(SMALL, rank)
    assert caught.value.help == "choose one from 1 to 2"
