# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import threading
import time

import pytest

from nnabla_compress.embeddings.ahead import made_ahead


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_things_come_in_order(depth):
    with made_ahead(lambda number: number, 3, 9, depth) as made:
        assert list(made) == [3, 4, 5, 6, 7, 8]


def test_making_goes_on_while_what_was_made_is_worked_on():
    with made_ahead(lambda number: time.sleep(0.05), 0, 10) as made:
        next(made)
        began = time.perf_counter()
        waited = 0.0
        for _ in range(9):
            time.sleep(0.05)  # the work
            before = time.perf_counter()
            next(made)
            waited += time.perf_counter() - before
        assert waited < 0.5 * (time.perf_counter() - began)


def test_no_more_is_made_ahead_than_may_wait():
    made_so_far = []
    with made_ahead(made_so_far.append, 0, 100, depth=2) as made:
        next(made)
        time.sleep(0.3)
        assert len(made_so_far) <= 4  # taken, two waiting, one in hand


@pytest.mark.parametrize("depth", [0, 2])
def test_an_exception_is_raised_where_its_thing_would_be_taken(depth):
    with made_ahead(lambda number: 1 // (2 - number), 0, 9, depth) as made:
        assert [next(made), next(made)] == [0, 1]
        with pytest.raises(ZeroDivisionError):
            next(made)


def test_the_thread_ends_with_the_block():
    before = threading.active_count()
    with made_ahead(lambda number: number, 0, 1000) as made:
        next(made)
    assert threading.active_count() == before
