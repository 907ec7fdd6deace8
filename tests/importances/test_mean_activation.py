# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.importances import MeanActivation
from tests.importances.small import Given, scores, two_layers


def test_it_is_the_mean_magnitude_behind_the_activation():
    network, group = two_layers([(1, 0), (0, 1)])
    evidence = Given([[1, -1], [2, 4]])
    assert scores(MeanActivation(), network, group, evidence).tolist() == [1.5, 2]
