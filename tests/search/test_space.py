# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bits to choose from."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.search.space import Space


def test_fixed_layers_keep_the_most():
    space = Space.of(["first", "a", "last"], [8, 2, 4, 2], ["first", "last"])
    assert space.choices == ((8,), (2, 4, 8), (8,))
    assert space.size == 3 and space.least == (8, 2, 8) and space.most == (8, 8, 8)


def test_features_are_scaled_and_those_that_are_all_alike_are_zero():
    space = Space.of(["a", "b", "c"], [2], features=((1, 5), (3, 5), (2, 5)))
    assert space.scaled_features().tolist() == [[0, 0], [1, 0], [0.5, 0]]


def test_no_layers_are_refused():
    with pytest.raises(ConfigError, match="no layer to choose bits for"):
        Space.of([], [2, 4])
