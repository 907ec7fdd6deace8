# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from nnabla_compress.kernels import threads, uniform
from nnabla_compress.kernels.threads import PARALLEL_FROM, shared


@shared()
def fill(out, value):
    for i in numba.prange(out.size):
        out[i] = value


def test_small_tensors_are_walked_by_one_thread_and_large_ones_by_all(monkeypatch):
    called = []
    monkeypatch.setattr(fill, "alone", lambda *_: called.append("alone"))
    monkeypatch.setattr(fill, "together", lambda *_: called.append("together"))
    monkeypatch.setattr(threads.numba, "get_num_threads", lambda: 2)
    fill(PARALLEL_FROM - 1, None, 0)
    fill(PARALLEL_FROM, None, 0)
    assert called == ["alone", "together"]


@pytest.mark.parametrize("size", [1, 511, 70001])
def test_both_ways_to_run_a_kernel_give_the_same_bits(size, monkeypatch):
    rng = np.random.RandomState(size)
    x, dy = (rng.randn(3, size).astype(np.float32) for _ in range(2))
    found = []
    for way in ("alone", "together"):
        kernel = uniform._gradients
        with monkeypatch.context() as patch:
            patch.setattr(kernel, "alone", getattr(kernel, way))
            dx = np.empty_like(x)
            step, limit = np.full(3, 0.1, np.float32), np.full(3, 7, np.float32)
            found.append((*uniform.gradients(x, dy, step, limit, True, dx, False), dx))
    for one, other in zip(*found):
        assert one.tobytes() == other.tobytes()


SCRIPT = """
import multiprocessing, os
import numpy as np
from nnabla_compress.kernels.threads import PARALLEL_FROM
from nnabla_compress.kernels.uniform import quantize

def kernel(_=0):
    x = np.arange(PARALLEL_FROM, dtype=np.float32)[None] / 1000
    out = np.empty_like(x)
    quantize(x, np.float32([0.5]), np.float32([7]), True, out)
    return float(out.sum(dtype=np.float64))

before = kernel()
pid = os.fork()
if pid == 0:
    os._exit(0 if kernel() == before else 1)
assert os.waitpid(pid, 0)[1] == 0
with multiprocessing.get_context("fork").Pool(1) as pool:
    assert pool.map_async(kernel, [0]).get(100) == [before]
print("the same", before)
"""


def test_a_forked_process_runs_kernels_after_its_parent_ran_them_on_two_threads():
    environment = {**os.environ, "NUMBA_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("the same")


def test_a_forked_process_does_not_wait_for_a_lock_that_its_parent_holds():
    def child():
        assert threads._process.forked and threads._process.lock.acquire(timeout=1)

    with threads._process.lock:
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
        process.join(30)
    assert process.exitcode == 0
