# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from nnabla_compress.kernels.relu import rectified_gradient, rectify

X = np.float32([[-2, -0.0, 0, 3], [np.nan, np.inf, -np.inf, 1e-30]])


def test_negative_values_become_zero_and_nan_stays():
    out = np.empty_like(X)
    rectify(X, out)
    np.testing.assert_array_equal(out, np.float32([[0, 0, 0, 3], [np.nan, np.inf, 0, 1e-30]]))


def test_gradients_pass_where_the_input_is_positive():
    dy = np.arange(8, dtype=np.float32).reshape(2, 4) + 1
    want = np.float32([[0, 0, 0, 4], [0, 6, 0, 8]])
    written, added = np.full_like(X, 9), np.full_like(X, 9)
    rectified_gradient(X, dy, written, False)
    rectified_gradient(X, dy, added, True)
    np.testing.assert_array_equal(written, want)
    np.testing.assert_array_equal(added, 9 + want)
