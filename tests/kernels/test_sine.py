# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The sine kernels against their formula in NumPy."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from nnabla_compress.kernels import threads
from nnabla_compress.kernels.sine import gradient, penalty

SEVERAL_CHUNKS = 3 * (1 << 15) + 77
NO_END = np.array([np.inf])


def slopes(x, step, offset=0.0, last=NO_END, first=None):
    out = np.empty_like(x)
    gradient(x, step, offset, -last if first is None else first, last, 1.0, out, False)
    return out


def test_within_the_levels_it_is_the_squared_sine_and_its_derivative():
    x = np.random.RandomState(0).uniform(-1, 1, (1, 1000))
    step = np.array([2 / 7])
    angle = np.pi * (x / step - 0.5)
    sums = penalty(x, step, 0.5, -NO_END, NO_END)
    assert sums[0][0] == pytest.approx(np.sum(np.sin(angle) ** 2), rel=1e-13)
    assert sums[1][0] == pytest.approx(
        np.sum(np.pi * np.sin(2 * angle) * x / step), rel=1e-11, abs=1e-9
    )
    expected = np.pi / step * np.sin(2 * angle)
    np.testing.assert_allclose(slopes(x, step, 0.5), expected, atol=1e-12)


def test_outside_the_outermost_levels_it_goes_on_along_its_tangent():
    end, step = np.array([3.0]), np.array([1.0])
    x = np.array([[3.1, 3.25, 3.5, 5.0, -4.0]])
    found = [penalty(x[:, i : i + 1], step, 0.0, -end, end)[0][0] for i in range(5)]
    tangent = [0.5 + np.pi * d for d in (0, 0.25, 1.75, 0.75)]
    np.testing.assert_allclose(found, [np.sin(0.1 * np.pi) ** 2, *tangent], rtol=1e-12)
    expected = np.pi * np.array([[np.sin(0.2 * np.pi), 1, 1, 1, -1]])
    np.testing.assert_allclose(slopes(x, step, 0.0, end), expected, rtol=1e-12)


def test_the_gradient_is_that_of_central_differences_also_outside():
    x = np.array([[0.9, 0.4, 0.1, -0.05, -0.7, 1.3, -2.0]])
    step, last, first, h = np.array([2 / 3]), np.array([1.0]), np.array([-2.0]), 1e-6
    for i in range(x.size):
        ends = []
        for move in (h, -h):
            moved = x.copy()
            moved[0, i] += move
            ends.append(penalty(moved, step, 0.5, first, last)[0][0])
        difference = (ends[0] - ends[1]) / (2 * h)
        assert slopes(x, step, 0.5, last, first)[0, i] == pytest.approx(difference, abs=1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_it_is_exactly_0_on_levels_however_they_are_rounded(dtype):
    for n in (1, 3, 7, 15, 127, 255):
        step = np.array([1 / n])
        levels = np.arange(-n, n + 1)
        for x in (levels / n, levels.astype(dtype) * dtype(1 / n)):
            x = x.astype(dtype)[None]
            assert penalty(x, step, 0.0, -NO_END, NO_END)[0][0] == 0
            assert not slopes(x, step).any()


def test_each_channel_has_its_step_and_gradients_are_added_where_asked():
    x = np.float32([[0.25, 0.5], [0.25, 0.5]])
    step, end = np.array([1.0, 0.5]), np.array([np.inf, np.inf])
    np.testing.assert_allclose(penalty(x, step, 0.0, -end, end)[0], [1.5, 1.0], rtol=1e-12)
    out = np.ones_like(x)
    gradient(x, step, 0.0, -end, end, 0.5, out, True)
    expected = 1 + 0.5 * np.pi * np.array([[1, 0], [0, 0]])
    np.testing.assert_allclose(out, expected, atol=1e-6)


def test_bits_do_not_depend_on_threads(monkeypatch):
    x = np.random.RandomState(1).randn(1, SEVERAL_CHUNKS).astype(np.float32)
    step, end = np.array([0.1]), np.array([7.0])
    alone = penalty(x, step, 0.0, -end, end), slopes(x, step, 0.0, end)
    monkeypatch.setattr(threads, "PARALLEL_FROM", 1)
    if numba.get_num_threads() == 1:
        pytest.skip("one thread only")
    together = penalty(x, step, 0.0, -end, end), slopes(x, step, 0.0, end)
    np.testing.assert_array_equal(together[0], alone[0])
    np.testing.assert_array_equal(together[1], alone[1])
