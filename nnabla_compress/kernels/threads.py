# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Kernels that are shared between threads where that pays, and only there.

A parallel loop is over when its slowest thread is. Where other work keeps the cores busy, a thread
can wait for several milliseconds until it gets one: longer than a single thread needs for a whole
tensor of a million values. Measured on two busy cores, the kernels of a ResNet-20 training step
took about 10 times as long with two threads as with one.

Each kernel is therefore compiled twice, with its loop shared and without. The one on a single
thread touches no pool of threads. It is also what a forked process takes: pools do not survive a
fork, and GNU OpenMP ends the process that asks for its own.
"""

from __future__ import annotations

import functools
import os
import threading
import types
from typing import Any, Callable, Set

import numba

from nnabla_compress.kernels.cache import CACHE

PARALLEL_FROM = 1 << 21


class _Process:
    """What the kernels know of this process."""

    def __init__(self, forked: bool = False) -> None:
        self.forked = forked
        # numba's own pool of threads ("workqueue") takes one kernel at a time.
        self.lock = threading.Lock()


_process = _Process()


def _begin_anew() -> None:
    global _process
    _process = _Process(forked=True)


os.register_at_fork(after_in_child=_begin_anew)


class Shared:
    """A kernel over ``numba.prange``, compiled when it is first called.

    Args:
        function: The kernel; its bits do not depend on which thread walks which turn of the loop.
        fastmath: As of ``numba.njit``.
        nogil: Whether other threads of Python go on meanwhile.
    """

    def __init__(
        self, function: Callable[..., Any], fastmath: Set[str], nogil: bool = False
    ) -> None:
        functools.update_wrapper(self, function)
        alone = types.FunctionType(function.__code__, function.__globals__, function.__name__)
        # numba's cache goes by this name, not by the options.
        alone.__qualname__ = f"{function.__qualname__}_alone"
        # What is typed at a prompt has no file to be kept beside.
        kept = CACHE and os.path.exists(function.__code__.co_filename)
        options: Any = {"cache": kept, "fastmath": fastmath, "nogil": nogil}
        self.together = numba.njit(parallel=True, **options)(function)
        self.alone = numba.njit(**options)(alone)

    def __call__(self, size: int, *arguments: Any) -> Any:
        """Runs the kernel.

        Args:
            size: Number of values to walk; from 2**21 the threads share them.
            arguments: What the kernel takes.
        """
        process = _process
        if size < PARALLEL_FROM or process.forked or numba.get_num_threads() == 1:
            return self.alone(*arguments)
        with process.lock:
            return self.together(*arguments)


def shared(*fastmath: str, nogil: bool = False) -> Callable[[Callable[..., Any]], Shared]:
    """Makes a function over ``numba.prange`` a kernel, which is told the number of values first.

    Args:
        fastmath: Freedoms of the compiler, as of ``numba.njit``.
        nogil: Whether other threads of Python go on while it runs.

    Example:
        >>> import numpy as np
        >>> @shared()
        ... def negate(x):
        ...     for i in numba.prange(x.size):
        ...         x[i] = -x[i]
        >>> x = np.ones(2)
        >>> negate(x.size, x)
        >>> x.tolist()
        [-1.0, -1.0]
    """
    return lambda function: Shared(function, set(fastmath), nogil)
