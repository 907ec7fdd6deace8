# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.analysis.redundancy import redundancy


def of_filters(filters):
    """What is found of a convolution with these filters."""
    nn.clear_parameters()
    filters = np.float32(filters)
    y = PF.convolution(nn.Variable((1, filters.shape[1], 4, 4)), len(filters), (1, 1), name="c")
    nn.get_parameters()["c/conv/W"].d = filters[:, :, None, None]
    (found,) = redundancy([y])
    return found


def test_orthogonal_filters_have_the_rank_of_their_number_and_none_is_alike():
    found = of_filters(np.diag([1, 5, 0.1, 2]))
    assert (found.layer, found.filters, found.alike) == ("c/conv", 4, 0)
    assert found.effective_rank == pytest.approx(4)


def test_filters_that_differ_by_a_factor_are_alike_and_count_as_one():
    found = of_filters([[1, 2, 3], [-2, -4, -6], [0.5, 1, 1.5]])
    assert found.alike == 3 and found.effective_rank == pytest.approx(1)


def test_the_rank_is_that_of_the_entropy_of_singular_values():
    rows = np.random.RandomState(0).randn(6, 4)
    values = np.linalg.svd(rows / np.linalg.norm(rows, axis=1, keepdims=True), compute_uv=False)
    parts = values / values.sum()
    expected = np.exp(-(parts * np.log(parts)).sum())
    assert of_filters(rows).effective_rank == pytest.approx(expected, rel=1e-5)


def test_zero_filters_are_left_out_and_of_many_some_are_looked_at():
    assert of_filters([[1, 0], [0, 0], [0, 1]]).filters == 2
    assert of_filters(np.random.RandomState(0).randn(700, 2)).filters == 512


def test_layers_without_two_filters_tell_nothing():
    nn.clear_parameters()
    assert redundancy([PF.affine(nn.Variable((1, 3)), 1, name="fc")]) == []
