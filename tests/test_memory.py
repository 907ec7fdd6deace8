# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tests of memory.py."""

from __future__ import annotations

import gc
import os
import sys
import weakref
from pathlib import Path

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress import memory

_STATUS = Path("/proc/self/statm")


def resident() -> int:
    return int(_STATUS.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not _STATUS.exists(), reason="tells of memory on Linux only")
def test_what_was_freed_goes_back_to_the_system():
    memory.give_back()
    before = resident()
    x = nn.Variable((16, 1 << 20))
    x.d = np.ones(x.shape, np.float32)
    assert resident() - before > 60e6
    del x
    memory.give_back()
    assert resident() - before < 20e6


@pytest.mark.parametrize("numbers, is_freed", [(1 << 20, True), (1000, False)])
def test_a_large_graph_that_holds_itself_is_freed(numbers, is_freed):
    class Graph:
        pass

    graph = Graph()
    graph.itself = graph
    left = weakref.ref(graph)
    gc.disable()
    try:
        del graph
        memory.forget(numbers)
        assert (left() is None) is is_freed
    finally:
        gc.enable()


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux is meant")
def test_a_c_library_without_the_function_is_left_alone(monkeypatch):
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: object())
    memory._trim.cache_clear()
    try:
        assert memory._trim() is None
        memory.give_back()
    finally:
        memory._trim.cache_clear()


@pytest.fixture
def nothing_frozen():
    before = gc.get_freeze_count()
    gc.unfreeze()
    yield
    gc.unfreeze()
    if before:
        gc.freeze()


def test_what_was_imported_is_walked_over_no_more_and_what_comes_later_is_freed(nothing_frozen):
    memory.imports_stay()
    frozen = gc.get_freeze_count()
    assert frozen > 10_000
    held = [np.zeros(3)]
    held.append(held)
    array = weakref.ref(held[0])
    del held
    memory.imports_stay()  # of a second verb of one process: what it has made is not frozen
    assert gc.get_freeze_count() == frozen
    gc.collect()
    assert array() is None
