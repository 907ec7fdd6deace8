# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One layer at a time."""

from __future__ import annotations

import pytest

from nnabla_compress.search.greedy import Greedy
from tests.search.oracles import searched


@pytest.mark.parametrize(
    ("moves", "bits", "reward", "evaluations"),
    [
        ("step", (2, 3, 2, 3), 0.5318, 81),
        ("any", (2, 2, 4, 2), 0.5115, 62),
        ("coordinate", (3, 2, 2, 4), 0.4537, 44),
    ],
)
def test_it_ends_in_the_known_local_optima(moves, bits, reward, evaluations):
    found = searched("lenet", Greedy(moves=moves))
    assert found.best.bits == bits and found.best.reward == pytest.approx(reward, abs=5e-5)
    assert len(found.outcomes) == evaluations
