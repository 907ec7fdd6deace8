# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What is sent, and what comes back."""

from __future__ import annotations

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.workers import Failed
from nnabla_compress.workers.parcel import opened, packed, perform
from tests.workers.chores import begun, fragile, square


def answer(work, task):
    return opened(perform(packed(work, "the work"), packed(task, "the task")), task)


def test_a_result_comes_back():
    assert answer(square, 3) == 9


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (1, "1 is odd."),
        (3, "3 rows."),
        (5, "TypeError: can't be sent"),
        (7, "SystemExit: 2"),
    ],
)
def test_a_failure_comes_back_with_its_task(task, message):
    failed = answer(fragile, task)
    assert isinstance(failed, Failed) and (failed.task, failed.message) == (task, message)


def test_what_can_not_be_sent_is_refused_by_name():
    with pytest.raises(ConfigError, match="task 3 can't be sent to another process"):
        packed(lambda: 0, "task 3")


def test_a_function_of_the_script_that_runs_is_refused(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from nnabla_compress.workers import workers\n"
        "def work(task):\n    return task\n"
        "workers(2).map(work, ['__main__', 2])\n"
    )
    ended = begun(script)
    _, said = ended.communicate()
    assert ended.returncode == 1
    assert "the work can't be sent to another process (work stands in the script that runs)" in said


def test_text_that_names_the_script_is_text():
    assert answer(str, "__main__") == "__main__"
