# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One worker: the process itself."""

from __future__ import annotations

import pytest

from nnabla_compress.workers import Failed
from nnabla_compress.workers.in_process import InProcess
from tests.workers.chores import fragile, square


def test_tasks_need_not_be_sent():
    assert InProcess().map(lambda task: task(), [lambda: 1, lambda: 2]) == [1, 2]


def test_what_fails_is_told_and_the_others_are_done():
    heard = []
    results = InProcess().map(fragile, [0, 1, 2], lambda *told: heard.append(told))
    assert results == [0, Failed(1, "1 is odd.", "take 2"), 4]
    assert heard == list(enumerate(results))


def test_work_that_wants_to_end_the_process_fails_as_elsewhere():
    assert InProcess().map(fragile, [7])[0].message == "SystemExit: 2"


def test_ctrl_c_is_no_failure():
    def work(task):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        InProcess().map(work, [1])


def test_what_an_engine_made_of_ctrl_c_is_no_failure_either():
    def work(task):
        raise SystemError("wrapped") from KeyboardInterrupt()

    with pytest.raises(KeyboardInterrupt):
        InProcess().map(work, [1])


def test_no_tasks_have_no_results():
    assert InProcess().map(square, []) == []
