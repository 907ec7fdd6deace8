# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How long work takes beside other work: limits that a slow or busy machine keeps as well."""

from __future__ import annotations

import time
from typing import Callable

from threadpoolctl import threadpool_limits


def times_as_long(
    work: Callable[[], object], other: Callable[[], object], rounds: int = 3
) -> float:
    """Returns the CPU time of work over that of other work, both on one thread.

    They take turns; the least time of each counts, for whatever disturbs one makes it longer.

    Args:
        work: The numerator.
        other: The denominator.
        rounds: Times that each is done.
    """
    least = [float("inf"), float("inf")]
    with threadpool_limits(1):
        for _ in range(rounds):
            for place, each in enumerate((work, other)):
                began = time.thread_time()
                each()
                least[place] = min(least[place], time.thread_time() - began)
    return least[0] / least[1]
