# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import nnabla.parametric_functions as PF
import numpy as np

from nnabla_compress.analysis.couplings import Group, Member
from nnabla_compress.graph.network import Network
from nnabla_compress.importances import HRank
from tests.importances.small import Given, alone, scores, two_layers


def test_it_is_the_mean_rank_of_the_maps():
    nn.clear_parameters()
    x = nn.Variable((1, 1, 3, 3))
    y = F.relu(PF.convolution(x, 2, (1, 1), with_bias=False, name="c"))
    nn.get_parameters()["c/conv/W"].d = np.float32([1, -1]).reshape(2, 1, 1, 1)
    members = (Member("c/conv", "output", "c/conv/W", 0, alone(2)),)
    identity, ones = np.eye(3), np.ones((3, 3))
    evidence = Given(np.stack([identity, ones])[:, None])
    found = scores(
        HRank(), Network({"x": x}, {"y": y}), Group("c", 2, members, None, True), evidence
    )
    assert found.tolist() == [2, 0]


def test_values_without_rows_and_columns_count_where_they_are_not_zero():
    network, group = two_layers([(1, 0), (0, 1)])
    assert scores(HRank(), network, group, Given([[1, -1], [2, 4]])).tolist() == [1, 0.5]
