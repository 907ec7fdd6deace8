# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A square kernel as a column and a row."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.decompositions import (
    singular_values,
    spatial,
    spatial_matrix,
    spatial_weight,
    tails,
)


@pytest.mark.parametrize("rank", [1, 4, 9])
def test_the_error_is_what_the_singular_values_say(rng, rank):
    weight = rng.randn(4, 3, 3, 5)
    vertical, horizontal = spatial(weight, rank)
    assert vertical.shape == (rank, 3, 3, 1)
    assert horizontal.shape == (4, rank, 1, 5)
    error = np.square(weight - spatial_weight(vertical, horizontal)).sum()
    left_out = tails(singular_values(spatial_matrix(weight)))
    assert error == pytest.approx(left_out[rank], abs=1e-9)


def test_each_weight_is_a_sum_of_products_of_a_row_and_a_column(rng):
    vertical, horizontal = rng.randn(2, 3, 3, 1), rng.randn(4, 2, 1, 3)
    weight = spatial_weight(vertical, horizontal)
    assert weight[1, 2, 0, 2] == pytest.approx(
        sum(horizontal[1, r, 0, 2] * vertical[r, 2, 0, 0] for r in range(2))
    )
