# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Processes: order, failures, deaths, signals, threads, speed."""

from __future__ import annotations

import os
import signal
import time

import pytest

from nnabla_compress.cli.interrupts import Interrupts
from nnabla_compress.errors import ConfigError
from nnabla_compress.workers import Failed, processes, workers
from nnabla_compress.workers.interface import END, LATER
from nnabla_compress.workers.processes import Processes
from tests.workers import chores

PATIENCE = 20.0


@pytest.fixture(scope="module")
def pair():
    with Processes(2) as crew:
        yield crew


@pytest.mark.parametrize("count", [1, 2, 4])
def test_any_number_of_them_gives_the_same_in_the_same_order(count):
    tasks = [0.3, 0.0, 0.1, 0.0, 0.2]
    heard = {}
    with Processes(count) as crew:
        assert crew.map(chores.nap, tasks, heard.__setitem__) == tasks
    assert heard == dict(enumerate(tasks))
    assert count == 1 or list(heard) != sorted(heard)  # the first one takes longest


def test_a_task_may_wait_for_what_comes_of_others(pair):
    """Two tasks, and a third of the results of both."""
    results, given = {}, [0.0, 0.1]

    def source():
        if given:
            return given.pop()
        if len(results) < 2:
            return LATER
        return END if 2 in results or len(taken) else taken.append(1) or sum(results.values())

    taken = []
    pair.serve(chores.nap, source, results.__setitem__)
    assert results == {0: 0.1, 1: 0.0, 2: 0.1}


def test_they_stay_from_one_map_to_the_next(pair):
    first, second = pair.map(chores.process, range(4)), pair.map(chores.process, range(4))
    assert set(first) == set(second) and os.getpid() not in first


def test_what_fails_is_told_and_the_others_are_done(pair):
    results = pair.map(chores.fragile, range(8))
    assert results[::2] == [0, 4, 16, 36]
    assert results[1] == Failed(1, "1 is odd.", "take 2", ConfigError)
    assert [each.message for each in results[3::2]] == [
        "3 rows.",
        "TypeError: can't be sent",
        "SystemExit: 2",
    ]


def test_a_worker_that_dies_once_costs_nothing(pair, tmp_path):
    tasks = [("good", ""), ("once", str(tmp_path / "one")), ("good", ""), ("good", "")]
    assert pair.map(chores.deadly, tasks) == ["good", "once", "good", "good"]
    assert (tmp_path / "one").exists()


def test_a_task_whose_workers_die_twice_fails_and_no_other_does(pair, tmp_path):
    always = ("always", str(tmp_path / "one"))
    tasks = [("good", ""), always, ("good", ""), ("good", ""), always, ("good", "")]
    results = pair.map(chores.deadly, tasks)
    assert [result for result in results if not isinstance(result, Failed)] == ["good"] * 4
    assert (
        results[1]
        == results[4]
        == Failed(
            always,
            "the worker that did it was ended by SIGKILL, as where memory is short, twice.",
        )
    )


def test_workers_that_were_killed_while_idle_are_replaced(pair):
    for process in set(pair.map(chores.process, range(4))):
        os.kill(process, signal.SIGKILL)
    time.sleep(0.2)
    assert pair.map(chores.square, range(5)) == [0, 1, 4, 9, 16]


def test_an_error_of_who_listens_ends_all_work():
    def full(number, result):
        raise OSError("no space left")

    begun = time.monotonic()
    with Processes(2) as crew, pytest.raises(OSError, match="no space left"):
        crew.map(chores.nap, [0.0, PATIENCE, PATIENCE], full)
    assert time.monotonic() - begun < PATIENCE / 2


def test_ctrl_c_ends_them_at_once():
    begun = time.monotonic()
    # Python drops an interrupt that comes while it removes an object.
    with Interrupts(), Processes(2) as crew, pytest.raises(KeyboardInterrupt):
        crew.map(chores.interrupted_parent, [PATIENCE])
    assert time.monotonic() - begun < PATIENCE / 2


def test_tasks_that_can_not_be_sent_are_refused(pair):
    with pytest.raises(ConfigError, match="task 1 can't be sent"):
        pair.map(chores.square, [1, lambda: 2])


def test_each_has_its_share_of_the_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("NUMBA_NUM_THREADS", "64")
    monkeypatch.setattr(processes, "cores", lambda: 6)
    with Processes(2) as crew:
        assert crew.map(chores.said, ["OMP_NUM_THREADS", "NUMBA_NUM_THREADS"]) == ["1", "3"]
    assert os.environ["NUMBA_NUM_THREADS"] == "64"


def test_a_script_needs_no_guard_and_loses_no_output(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from nnabla_compress.workers import workers\n"
        "print('script', flush=True)\n"
        "workers(2).map(print, ['a', 'b'])\n"
    )
    said, wrong = chores.begun(script).communicate()
    assert said.startswith("script\n") and not wrong
    assert sorted(said[7:].replace("\n", "")) == ["a", "b"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_they_end_with_the_process_that_started_them(tmp_path, number):
    script = tmp_path / "script.py"
    script.write_text(
        "from nnabla_compress.workers import workers\n"
        "from tests.workers.chores import nap, process\n"
        "crew = workers(2)\n"
        "print(*crew.map(process, range(4)), flush=True)\n"
        f"crew.map(nap, [{PATIENCE}] * 2)\n"
    )
    parent = chores.begun(script)
    known = {int(word) for word in parent.stdout.readline().split()}
    time.sleep(0.2)
    parent.send_signal(number)
    parent.communicate()
    end = time.monotonic() + PATIENCE / 2
    while (alive := [each for each in known if is_alive(each)]) and time.monotonic() < end:
        time.sleep(0.05)
    assert known and not alive


def is_alive(process):
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("count", [2, 4])
def test_they_are_faster_by_nearly_their_number(count):
    tasks = [0.2] * (2 * count)
    ratios = []
    with workers(count) as crew:
        crew.map(chores.nap, [0.1] * count)  # they have started
        for _ in range(5):
            begun = time.monotonic()
            crew.map(chores.nap, tasks)
            ratios.append(sum(tasks) / (time.monotonic() - begun))
            if ratios[-1] >= 0.9 * count:
                return
    raise AssertionError(f"{count} workers are {ratios} times as fast")
