# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The look-up and straight-through kernels against NumPy indexing and addition."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.kernels.look_up import look_up, straight_through
from nnabla_compress.kernels.threads import PARALLEL_FROM

sizes = pytest.mark.parametrize("size", [0, 1, 7, 32769, PARALLEL_FROM - 1, PARALLEL_FROM + 32769])


@sizes
def test_looking_up_is_numpy_indexing_bit_for_bit(size, rng):
    dictionary = rng.randn(256).astype(np.float32)
    codes = rng.randint(0, 256, size).astype(np.uint8)
    out = np.full(size, np.nan, np.float32)
    look_up(dictionary, codes, out)
    assert out.tobytes() == dictionary[codes].tobytes()


def test_looking_up_keeps_the_shape(rng):
    codes = rng.randint(0, 3, (2, 3, 4, 5)).astype(np.uint8)
    out = np.empty(codes.shape, np.float32)
    look_up(np.float32([-1, 0, 5]), codes, out)
    np.testing.assert_array_equal(out, np.float32([-1, 0, 5])[codes])


@sizes
@pytest.mark.parametrize("accumulate", [False, True])
def test_the_gradient_is_copied_or_added_unchanged(size, accumulate, rng):
    gradient = rng.randn(size).astype(np.float32)
    out = rng.randn(size).astype(np.float32)
    expected = out + gradient if accumulate else gradient.copy()
    straight_through(gradient, out, accumulate)
    assert out.tobytes() == expected.tobytes()
