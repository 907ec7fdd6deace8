# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The order of weights in files."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.c_kernels.order import file_shape, in_file_order, output_maps


def test_an_affine_weight_is_transposed(rng):
    weight = rng.normal(size=(6, 2, 3))
    held = in_file_order("Affine", weight)
    assert held.shape == file_shape("Affine", weight.shape) == (6, 6)
    assert held[4, 5] == weight[5, 1, 1]
    assert output_maps("Affine", weight.shape)[:, 0].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("type_name", ["Convolution", "DepthwiseConvolution"])
def test_maps_of_a_convolution_are_its_first_axis(type_name):
    maps = output_maps(type_name, (4, 3, 2), group=2)
    assert maps.shape == (4, 3, 2)
    assert (maps == np.arange(4)[:, None, None]).all()


def test_maps_of_a_deconvolution_count_through_the_groups():
    maps = output_maps("Deconvolution", (4, 2, 3, 3), group=2)
    assert maps[:, :, 1, 2].tolist() == [[0, 1], [0, 1], [2, 3], [2, 3]]
