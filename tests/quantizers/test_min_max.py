# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

import nnabla_compress.quantizers as Q
from nnabla_compress.quantizers.min_max import min_max_grid

RANGES = (-2.3, 9.0, 0, 255)


def variables(numbers, shape=(1, 1), need_grad=False):
    made = [nn.Variable.from_numpy_array(np.full(shape, n, np.float32)) for n in numbers]
    for variable in made[:2]:
        variable.need_grad = need_grad
    return made


def test_a_range_is_moved_so_that_zero_has_a_code():
    grid = min_max_grid([np.float32([n]) for n in RANGES], 0.01)
    assert grid.zero_point[0] == 52 and grid.bits == 8
    x = nn.Variable.from_numpy_array(np.float32([[0.0, -2.3, 9.0]]))
    y = Q.MinMax().on(x, variables(RANGES), "fc")
    y.forward()
    assert y.d[0, 0] == 0


@pytest.mark.parametrize("changes", [{0: np.nan}, {1: np.inf}, {3: 0}, {3: -1}, {3: 1e9}], ids=str)
def test_ranges_that_give_no_codes_are_not_taken(changes):
    numbers = [np.float32([changes.get(place, n)]) for place, n in enumerate(RANGES)]
    assert not Q.MinMax.takes(numbers)
    assert Q.MinMax.takes([np.float32([n]) for n in RANGES])


@pytest.mark.parametrize("from_tensor", [False, True])
def test_it_computes_what_nnabla_does_and_hands_on_its_gradients(from_tensor, rng):
    values, up = 4 * rng.randn(6, 5).astype(np.float32), rng.randn(6, 5).astype(np.float32)
    found = []
    for own in (True, False):
        x = nn.Variable.from_numpy_array(values).apply(need_grad=True)
        ranges = variables(RANGES, need_grad=not from_tensor)
        made = Q.MinMax(from_tensor).on(x, ranges, "fc")
        y = made if own else F.min_max_quantize(x, *ranges, x_min_max=from_tensor)
        for variable in (x, *ranges[:2]):
            variable.g = 0
        y.forward()
        y.backward(up)
        found.append([y.d.copy(), x.g.copy(), *(r.g.copy() for r in ranges[:2])])
        if own:
            np.testing.assert_array_equal(Q.MinMax.encode(y.parent).decode(), y.d)
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-6, atol=1e-6)
    for ours, theirs in zip(found[0][1:], found[1][1:]):
        np.testing.assert_array_equal(ours, theirs)


def test_ranges_of_channels_become_scales_along_their_axis(rng):
    ranges = [
        np.float32([[-1], [-2]]),
        np.float32([[1], [3]]),
        np.zeros((2, 1)),
        np.full((2, 1), 7),
    ]
    tables = [nn.Variable.from_numpy_array(np.asarray(part, np.float32)) for part in ranges]
    x = nn.Variable.from_numpy_array(2 * rng.randn(2, 9).astype(np.float32))
    y = Q.MinMax().on(x, tables, "fc")
    y.forward()
    encoding = Q.MinMax.encode(y.parent)
    assert (encoding.axis, encoding.bits, len(encoding.scale)) == (0, 3, 2)
    np.testing.assert_array_equal(encoding.decode(), y.d)
    grid = Q.MinMax.grid_of(y.parent.info.args, y.parent.inputs)
    assert grid.axis == 0
    for row in range(2):
        assert np.abs(y.d[row][:, None] - grid.values(row)).min(axis=1).max() < 1e-6
        assert len(grid.values(row)) == 8
    z = F.min_max_quantize(x, *tables)
    z.forward()
    np.testing.assert_allclose(y.d, z.d, rtol=1e-6, atol=1e-6)
