# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import pytest

from nnabla_compress.graph.exits import are_exits, exit_names, in_order


@pytest.mark.parametrize("names", [["exit1", "exit3"], ["exit2", "exit3"], ["y", "exit1"], []])
def test_other_names_are_no_exits(names):
    assert not are_exits(names)


def test_exits_come_in_their_order_whatever_order_they_are_given_in():
    named = {name: number for number, name in enumerate(exit_names(11), 1)}
    shuffled = {name: named[name] for name in sorted(named)}
    assert list(shuffled)[1] == "exit10" and are_exits(shuffled)
    assert in_order(shuffled) == list(range(1, 12))
