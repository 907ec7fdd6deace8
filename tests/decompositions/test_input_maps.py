# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Kernels of each input map: as NNabla's layer has them, and when they save anything."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.decompositions import input_maps, input_maps_weight
from nnabla_compress.errors import ConfigError


def test_each_map_is_cut_off_by_itself(rng):
    weight = rng.randn(12, 3, 3, 3)
    depthwise, last = input_maps(weight, 2)
    made = input_maps_weight(depthwise, last, 3)
    missing = np.square(weight - made).sum()
    values = [np.linalg.svd(weight[:, i].reshape(12, -1), compute_uv=False) for i in range(3)]
    assert missing == pytest.approx(sum(np.square(v[2:]).sum() for v in values))


def test_the_full_rank_gives_the_weight_back(rng):
    weight = rng.randn(12, 3, 3, 3)
    made = input_maps_weight(*input_maps(weight, 9), 3)
    np.testing.assert_allclose(made, weight, atol=1e-12)


def test_a_rank_above_the_kernel_is_refused(rng):
    with pytest.raises(ConfigError, match="the rank is 10"):
        input_maps(rng.randn(12, 3, 3, 3), 10)
