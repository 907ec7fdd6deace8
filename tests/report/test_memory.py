# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from nnabla_compress.nnb.memory_plan import MemoryPlan, Moment
from nnabla_compress.report.memory import memory_table


def test_the_title_tells_where_most_is_held():
    plan = MemoryPlan((Moment(0, "Tanh", (1, 4), 32), Moment(1, "Affine", (1, 2), 2400)), 4800)
    title = str(memory_table(plan).title)
    assert "2,400 bytes at most, in function 1 (Affine); all buffers take 4,800" in title


def test_a_network_without_functions_has_a_table_without_rows():
    table = memory_table(MemoryPlan((), 16))
    assert table.row_count == 0 and "no functions" in str(table.title)
