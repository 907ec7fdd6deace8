# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.kernels.distinct import count_distinct


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.0, -0.0],
        [-0.0],
        [1, -1, 1, 2],
        [1e-45, -1e-45, 3.4e38, -3.4e38, np.inf, -np.inf],
        np.repeat(np.arange(-200, 200) / 7, 3),
    ],
)
def test_values_are_counted_once_and_zero_has_no_sign(values):
    assert count_distinct(np.float32(values)) == len(np.unique(np.float32(values)))


def test_neighbouring_patterns_are_told_apart(rng):
    values = rng.randn(50_000).astype(np.float32)
    both = np.concatenate([values, np.nextafter(values, np.float32(9))])
    assert count_distinct(both) == len(np.unique(both))
