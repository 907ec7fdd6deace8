# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn

from nnabla_compress.importances import L1
from tests.importances.small import Given, scores, two_layers


def test_it_adds_up_the_magnitudes_of_each_filter():
    assert scores(L1(), *two_layers([(3, 4), (0, -1), (2.5, 3.5)])).tolist() == [7, 1, 6]


def test_of_single_weights_it_is_the_magnitude():
    network, _ = two_layers([(3, -4)])
    weights = {"a/affine/W": nn.get_parameters()["a/affine/W"]}
    assert L1().of_weights(network, weights, Given())["a/affine/W"].tolist() == [[3], [4]]
