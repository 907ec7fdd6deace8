# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Shares of the cores."""

from __future__ import annotations

import pytest

from nnabla_compress.workers.thread_limits import thread_limits


@pytest.mark.parametrize(
    ("count", "available", "stated", "expected"),
    [(2, 8, None, "4"), (3, 8, None, "2"), (9, 8, None, "1"), (2, 8, "1", "1"), (2, 8, "7", "4")],
)
def test_cores_are_shared_and_a_lower_number_that_is_stated_stays(
    monkeypatch, count, available, stated, expected
):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if stated is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", stated)
    assert thread_limits(count, available)["OMP_NUM_THREADS"] == expected


@pytest.mark.parametrize("stated", ["", "0", "many"])
def test_what_is_no_number_of_threads_is_none(monkeypatch, stated):
    monkeypatch.setenv("NUMBA_NUM_THREADS", stated)
    assert thread_limits(2, 4)["NUMBA_NUM_THREADS"] == "2"
