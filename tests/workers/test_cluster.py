# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Real clusters, where Ray is installed: pip install 'nnabla-compress[search]'."""

from __future__ import annotations

import os
import socket
import sys
import time

import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.workers import Failed, workers
from tests.workers import chores


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match=r"nnabla-compress\[search\]"):
        workers(ray="local")


@pytest.fixture(scope="module")
def crew():
    """A cluster of two CPUs."""
    pytest.importorskip("ray", reason="Ray is not installed: the extra search has it")
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    with workers(2, ray="local") as crew:
        yield crew


@pytest.mark.long
def test_results_are_in_the_order_of_the_tasks(crew):
    heard = {}
    tasks = [0.5, 0.0, 0.1, 0.0]
    assert crew.map(chores.nap, tasks, heard.__setitem__) == tasks
    assert heard == dict(enumerate(tasks))


@pytest.mark.long
def test_what_fails_is_told_as_by_processes(crew):
    results = crew.map(chores.fragile, range(6))
    assert results[::2] == [0, 4, 16]
    assert results[1] == Failed(1, "1 is odd.", "take 2")
    assert [each.message for each in results[3::2]] == ["3 rows.", "TypeError: can't be sent"]


@pytest.mark.long
def test_a_worker_that_dies_is_replaced_and_one_that_dies_twice_fails(crew, tmp_path):
    once, always = ("once", str(tmp_path / "one")), ("always", str(tmp_path / "two"))
    results = crew.map(chores.deadly, [("good", ""), once, always, ("good", "")])
    assert [results[0], results[1], results[3]] == ["good", "once", "good"]
    assert isinstance(results[2], Failed) and "was lost, twice" in results[2].message


@pytest.mark.long
def test_threads_are_bounded_there_too(crew):
    assert crew.map(chores.said, ["OMP_NUM_THREADS", "NUMBA_NUM_THREADS"]) == ["1", "1"]


@pytest.mark.long
@pytest.mark.parametrize("address", ["127.0.0.1:{port}", "ray://127.0.0.1:{port}", "nowhere"])
def test_a_cluster_that_is_not_there_is_named_soon(address):
    pytest.importorskip("ray", reason="Ray is not installed: the extra search has it")
    import ray

    if ray.is_initialized():
        ray.shutdown()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        asked = address.format(port=free.getsockname()[1])
        begun = time.monotonic()
        with pytest.raises(ConfigError, match=f"no Ray cluster at '{asked}'"):
            workers(ray=asked)
    assert time.monotonic() - begun < 30
