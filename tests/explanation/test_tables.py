# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from nnabla_compress.explanation import Changes
from nnabla_compress.explanation.tables import changed_table, class_table, summary_lines


def made(labelled=True, count=40):
    labels = np.arange(count) % 2
    before, after = np.eye(2)[labels], np.eye(2)[0 * labels]
    return Changes(before, after, labels if labelled else None, ["cat", "dog"])


def cells(table):
    return [list(column.cells) for column in table.columns]


def test_each_class_has_a_row_and_the_one_that_lost_most_is_first():
    found = cells(class_table(made().by_class(), True))
    assert found[0] == ["dog", "cat"]
    assert found[2:4] == [["100.00 %", "100.00 %"], ["0.00 %", "100.00 %"]]
    assert found[4:] == [["20", "0"], ["0", "0"], ["cat", ""]]


def test_without_labels_there_is_agreement_only():
    table = class_table(made(labelled=False).by_class(), False)
    headers = [str(column.header) for column in table.columns]
    assert headers[2:4] == ["as the float network", "lost"] and "won" not in headers
    assert summary_lines(made(labelled=False)) == ["agreement: 50.00 % (40 samples)"]


def test_what_does_not_fit_is_said_to_be_in_the_file():
    table = changed_table(made())
    assert table.row_count == 12 and table.caption == "8 more are in explain.json"


def test_losses_and_gains_are_counted():
    lines = summary_lines(made())
    assert lines[0] == "accuracy: 100.00 % float, 50.00 % compressed (40 samples)"
    assert lines[1] == "agreement: 50.00 %; 20 lost, 0 won, 0 wrong in another way"
