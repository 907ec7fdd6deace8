# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which points are worth it."""

from __future__ import annotations

from nnabla_compress.sweeping import Row, answers, pareto


def row(name, size, accuracy, macs=1):
    return Row(name, "float", "", 1.0, validation=accuracy, bytes=size, macs=macs)


ROWS = [
    row("a", 100, 0.8),
    row("b", 50, 0.8),
    row("c", 25, 0.5),
    row("d", 25, 0.6),
    row("e", 90, 0.7),
]
FAILED = Row("f", "float", "", 1.0, failed="no.")


def test_what_another_one_beats_is_left_out_and_so_is_what_failed():
    assert [each.size for each in pareto([*ROWS, FAILED])] == ["d", "b"]


def test_operations_are_another_cost():
    rows = [row("a", 10, 0.9, macs=100), row("b", 100, 0.8, macs=10)]
    assert [each.size for each in pareto(rows, "macs")] == ["b", "a"]
    assert [each.size for each in pareto(rows)] == ["a"]


def test_the_answer_is_the_most_accurate_one_within_the_budget():
    found = answers(ROWS, [10, 25, 60])
    assert [each.row and each.row.size for each in found] == [None, "d", "b"]


def test_without_budgets_they_are_doubled_from_the_smallest_up():
    assert [each.budget for each in answers(ROWS)] == [25.0, 50.0]
    assert answers([FAILED]) == []
