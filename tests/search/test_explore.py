# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Walks carried out by workers."""

from __future__ import annotations

import errno
import math
import signal
import time
from collections import Counter
from functools import partial

import pytest

from nnabla_compress.errors import CompressError, ConfigError, DiskFullError
from nnabla_compress.files import write_error
from nnabla_compress.search.explore import explore
from nnabla_compress.search.memo import Memo
from nnabla_compress.search.random_bits import Random
from nnabla_compress.search.releq import Releq
from nnabla_compress.search.space import Space
from nnabla_compress.workers import Workers, workers
from nnabla_compress.workers.interface import Signal
from tests.search.oracles import searched
from tests.workers.chores import begun


def mean(bits):
    return sum(bits) / len(bits) / 8


def broken(bits):
    if bits[0] == 3:
        raise ConfigError("3 is odd.")
    return math.nan if bits[0] == 5 else mean(bits)


def listed(*batches, heard=None):
    for batch in batches:
        outcomes = yield list(batch)
        if heard is not None:
            heard.append(outcomes)


def accuracy_of(bits, accuracy):
    return accuracy


def test_nothing_is_evaluated_twice_and_each_walk_hears_of_all():
    heard, calls = [], []
    walk = listed([(2,), (4,), (2,)], [(4,), (8,)], heard=heard)
    found = explore([walk], lambda bits: calls.append(bits) or mean(bits), accuracy_of)
    assert calls == [(2,), (4,), (8,)]
    assert (found.asked, found.evaluated, found.best.bits) == (5, 3, (8,))
    assert [[each.accuracy for each in batch] for batch in heard] == [[0.25, 0.5, 0.25], [0.5, 1.0]]


def test_what_the_memo_knows_is_not_evaluated(tmp_path):
    first = explore([listed([(2,), (4,)])], mean, accuracy_of, memo=Memo(tmp_path / "m"))
    again = explore([listed([(2,), (4,)])], None, accuracy_of, memo=Memo(tmp_path / "m"))
    assert (first.evaluated, again.evaluated) == (2, 0) and again.best == first.best


def test_a_search_that_was_killed_goes_on_where_it_was(tmp_path):
    class Killed(BaseException):
        pass

    calls = []

    def until_killed(bits):
        calls.append(bits)
        if len(calls) == 30:
            raise Killed
        return mean(bits)

    sampler, space = Random(evaluations=60), ((2, 3, 4, 5, 8),) * 3
    walks = partial(sampler.walks, Space(("a", "b", "c"), space), 0)
    with pytest.raises(Killed):
        explore(walks(), until_killed, accuracy_of, memo=Memo(tmp_path / "m"))
    again = explore(walks(), mean, accuracy_of, memo=Memo(tmp_path / "m"))
    whole = explore(walks(), mean, accuracy_of)
    assert again.evaluated == 31 and list(again.outcomes) == list(whole.outcomes)
    assert again.best == whole.best


@pytest.mark.long
def test_a_search_whose_processes_sigkill_ended_begins_nothing_again_that_was_done(tmp_path):
    memo, begins = tmp_path / "memo", tmp_path / "begun"
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\n"
        "from pathlib import Path\n"
        "from nnabla_compress.search.memo import Memo\n"
        "from nnabla_compress.search.random_bits import Random\n"
        "from nnabla_compress.workers import workers\n"
        "from tests.search.oracles import Noted, searched\n"
        "memo, begins = map(Path, sys.argv[1:])\n"
        "with workers(2) as crew:\n"
        "    searched('lenet', Random(evaluations=20), crew=crew, memo=Memo(memo),\n"
        "             of=lambda table: Noted(table, str(begins)))\n"
    )
    process = begun(script, memo, begins)
    end = time.monotonic() + 60
    while not (memo.exists() and memo.read_text().count("\n") > 5) and time.monotonic() < end:
        time.sleep(0.01)
    process.kill()
    process.communicate()
    done = set(Memo(memo).known)
    assert 5 <= len(done) < 20 and process.returncode == -signal.SIGKILL
    again = begun(script, memo, begins)
    again.communicate()
    assert again.returncode == 0
    times = Counter(tuple(map(int, line.split())) for line in begins.read_text().splitlines())
    assert len(times) == 20 == len(Memo(memo).known)
    assert all(times[bits] == 1 for bits in done)
    # What the two workers were at when they were killed is begun again, and nothing else.
    assert sum(times.values()) <= 20 + 2


def test_a_candidate_that_fails_or_is_no_number_is_told_and_ends_nothing():
    told = []
    walk = listed([(2,), (3,), (5,), (4,)])
    found = explore([walk], broken, accuracy_of, tell=told.append)
    assert found.best.bits == (4,) and set(found.failed) == {(3,), (5,)}
    assert told == ["bits 3 failed: 3 is odd.", "bits 5 failed: the accuracy is nan."]


def test_where_all_fail_the_first_failure_is_told():
    with pytest.raises(CompressError, match="no candidate could be evaluated; bits 5: .* is nan"):
        explore([listed([(5,), (3,)])], broken, accuracy_of)


def test_a_full_disk_is_no_matter_of_the_bits_and_ends_the_search(tmp_path):
    memo = Memo(tmp_path / "m")

    def full(bits):
        if bits == (4,):
            raise write_error("checkpoint", OSError(errno.ENOSPC, "No space left on device"))
        return mean(bits)

    with pytest.raises(DiskFullError, match="can't write checkpoint: the disk is full"):
        explore([listed([(2,), (4,), (8,)])], full, accuracy_of, memo=memo)
    assert Memo(tmp_path / "m").known == {(2,): 0.25}


def test_no_more_are_evaluated_than_allowed():
    found = explore([listed([(2,), (4,)], [(5,), (8,)])], mean, accuracy_of, most=3)
    assert list(found.outcomes) == [(2,), (4,), (5,)]


def test_what_is_refused_is_not_evaluated():
    calls = []
    found = explore(
        [listed([(2,), (8,)])],
        lambda bits: calls.append(bits) or 1.0,
        accuracy_of,
        refused=lambda bits: -2.0 if bits[0] > 4 else None,
    )
    assert calls == [(2,)] and list(found.outcomes) == [(2,)]


def test_two_workers_find_the_same_as_one():
    sampler = Releq(updates=3, groups=2, episodes=8)
    alone = searched("lenet", sampler)
    with workers(2) as crew:
        shared = searched("lenet", sampler, crew=crew)
    assert shared == alone


class Two(Workers):
    """Two at once, of which the one that began last is done first."""

    def __init__(self):
        super().__init__(2)
        self.busy = []

    def serve(self, work, source, finished):
        running, number = [], 0
        while True:
            while len(running) < 2:
                task = source()
                if isinstance(task, Signal):
                    break
                running.append((number, task))
                number += 1
            if not running:
                return
            self.busy.append(len(running))
            finished(running[-1][0], work(running.pop()[1]))


@pytest.mark.parametrize("in_turn", [True, False])
def test_one_walk_is_evaluated_while_another_decides(in_turn):
    alone, both = Two(), Two()
    explore([listed(*([(n,)] for n in range(6)))], mean, accuracy_of, alone)
    walks = [listed(*([(n,)] for n in range(6))), listed(*([(n,)] for n in range(10, 16)))]
    found = explore(walks, mean, accuracy_of, both, in_turn=in_turn)
    assert set(alone.busy) == {1} and both.busy.count(2) >= 5 and len(found.outcomes) == 12


def test_walks_that_take_turns_find_the_same_whoever_is_done_first():
    sampler = Releq(updates=3, groups=2, episodes=4)
    assert searched("lenet", sampler, crew=Two()) == searched("lenet", sampler)
