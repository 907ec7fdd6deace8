# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.explanation.looks import Known, looked_at, looks
from nnabla_compress.graph.network import Network


def bright_or_dark():
    """Class 0 is told by bright pixels, class 1 by dark ones; a third channel says nothing."""
    nn.clear_parameters()
    x = nn.Variable((1, 1, 8, 8))
    filters = np.float32([1, -1, 1]).reshape(3, 1, 1, 1)
    h = F.relu(PF.convolution(x, 3, (1, 1), w_init=filters, with_bias=False, name="c"))
    h = F.average_pooling(h, (2, 2))
    read = np.float32([[1, 0], [0, 1], [0, 0]])
    y = PF.affine(F.global_average_pooling(h), 2, w_init=read, with_bias=False, name="fc")
    return Network({"x": x}, {"y": y})


def samples(count, rng):
    """Images with a bright square on the left above and a dark one on the right below."""
    x = 0.05 * rng.randn(count, 1, 8, 8)
    x[:, :, :3, :3] += 1
    x[:, :, 5:, 5:] -= 1
    return np.float32(x)


def test_the_last_maps_of_the_two_smallest_sizes_are_taken():
    network = bright_or_dark()
    assert list(looked_at(network)) == ["c/conv/relu", "c/conv/averagepooling"]
    assert list(looked_at(network, ["c/conv"])) == ["c/conv"]


def test_a_map_without_height_and_width_is_refused_with_the_nearest_one():
    with pytest.raises(ConfigError, match="no map 'c/con' with height and width") as refused:
        looked_at(bright_or_dark(), ["c/con"])
    assert "did you mean 'c/conv'" in refused.value.help
    with pytest.raises(ConfigError, match="no map 'fc/affine'"):
        looked_at(bright_or_dark(), ["fc/affine"])


def test_each_class_is_seen_where_it_is(rng):
    network = bright_or_dark()
    known = Known({"x": samples(40, rng)}, np.arange(40) % 2, perturbations=8)
    found = looks(
        network,
        looked_at(network),
        known,
        {"x": samples(2, rng)},
        np.array([0, 1]),
        (8, 8),
    )
    assert found.shape == (2, 8, 8) and found.max() == 1 and found.min() >= 0
    assert found[0, :3, :3].mean() > 0.5 > 0.1 > found[0, 5:, 5:].mean()
    assert found[1, 5:, 5:].mean() > 0.5 > 0.1 > found[1, :3, :3].mean()


def test_a_class_that_no_sample_tells_of_is_seen_nowhere(rng):
    network = bright_or_dark()
    known = Known({"x": samples(10, rng)}, np.zeros(10, int), perturbations=4)
    shown = {"x": samples(1, rng)}
    assert not looks(network, looked_at(network), known, shown, np.array([1]), (8, 8)).any()
