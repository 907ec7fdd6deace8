# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.training.terms.map_pairs import MapPair, pairs_of, same_positions


def variable(values):
    return nn.Variable.from_numpy_array(np.asarray(values, np.float32))


def test_the_larger_map_is_averaged(rng):
    small, large = rng.randn(2, 3, 2, 4), rng.randn(2, 5, 6, 4)
    s, t = same_positions(variable(small), variable(large), "a and b")
    nn.forward_all([t])
    np.testing.assert_allclose(t.d, large.reshape(2, 5, 2, 3, 4).mean(axis=3), rtol=1e-5)
    assert s.shape == (2, 3, 2, 4)


def test_sounds_are_averaged_along_their_one_axis(rng):
    x = rng.randn(2, 3, 8)
    s, t = same_positions(variable(x), nn.Variable((2, 1, 2)), "a and b")
    nn.forward_all([s])
    np.testing.assert_allclose(s.d, x.reshape(2, 3, 2, 4).mean(axis=3), rtol=1e-5)
    assert t.shape == (2, 1, 2)


@pytest.mark.parametrize(
    "shapes", [((1, 4, 5, 5), (1, 4, 2, 2)), ((1, 4), (1, 4, 1)), ((1,), (1,))]
)
def test_maps_that_no_averaging_makes_alike_are_refused(shapes):
    with pytest.raises(ConfigError, match="a and b have the shapes"):
        same_positions(*map(nn.Variable, shapes), "a and b")


def test_a_name_alone_stands_for_a_map_of_both_networks():
    pair = MapPair(student="a", teacher="b")
    assert pairs_of(["c", pair]) == [MapPair(student="c", teacher="c"), pair]
