# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numpy as np
import pytest

from nnabla_compress.diagnosis.ranges import map_ranges
from nnabla_compress.graph.network import Network
from nnabla_compress.quantizers import Affine, Uniform


def test_values_beyond_the_last_level_by_more_than_half_a_step_are_clipped():
    nn.clear_parameters()
    x = nn.Variable((1, 5))
    y = Uniform(bits=3, signed=False, initial_step=0.5)(F.relu(x))
    samples = {"x": np.float32([[-4, 1, 3.5, 3.7, 3.8], [0, 0, 0, 0, 9]])}
    (row,) = map_ranges(Network({"x": x}, {"y": y}), samples)
    assert (row.bits, row.low, row.high, row.covers_low, row.covers_high) == (3, 0, 9, 0, 3.5)
    assert row.clipped == pytest.approx(0.2)


def test_a_map_without_a_known_range_is_told_by_its_levels():
    nn.clear_parameters()
    x = nn.Variable((1, 3))
    y = Affine(bits=2, symmetric=False, fit="min_max")(x)
    x.d = np.float32([[-1, 0, 2]])
    y.forward()
    network = Network({"x": x}, {"y": y})
    (row,) = map_ranges(network, {"x": np.float32([[-1, 0, 2], [-1, 0, 5], [0, 0, 2.4]])})
    assert (row.covers_low, row.covers_high, row.high) == (-1, 2, 5)
    assert row.clipped == pytest.approx(1 / 9)


def test_a_network_without_quantized_maps_has_no_ranges():
    x = nn.Variable((1, 3))
    assert map_ranges(Network({"x": x}, {"y": F.relu(x)}), {"x": np.zeros((2, 3))}) == []
