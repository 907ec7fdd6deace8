# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""All there is."""

from __future__ import annotations

from nnabla_compress.search.exhaustive import Exhaustive
from tests.search.oracles import searched


def test_it_tries_all_and_finds_the_optimum():
    found = searched("lenet", Exhaustive())
    assert len(found.outcomes) == found.asked == 625 and found.best.bits == (2, 2, 3, 3)
