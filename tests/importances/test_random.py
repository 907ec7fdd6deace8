# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from nnabla_compress.importances import Random
from tests.importances.small import Given, scores, two_layers


def test_the_same_seed_gives_the_same_order_and_another_one_another():
    network, group = two_layers(np.eye(8))
    first, again, other = (scores(Random(), network, group, Given(seed=seed)) for seed in (1, 1, 2))
    assert (first == again).all() and (first != other).any()
    assert (scores(Random(seed=1), network, group, Given(seed=2)) == first).all()
    assert len(set(first)) == 8
