# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The memory plan of NNabla's converter, made in time that grows with what is alive at once.

The converter asks each buffer whether it is needed at each function, four times over: the square
of a network's length.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Set, Tuple

import numpy as np
from nnabla.utils.converter.nnablart import save_variable_buffer as plan

_lives = getattr(plan, "__make_buf_var_lives")  # noqa: B009 - a class would rename the attribute


def buffer_plan(info: Any) -> Tuple[List[Any], Dict[int, int]]:
    """Returns what ``save_variable_buffer`` of NNabla's converter does.

    Args:
        info: The converter's own description of the network.

    Returns:
        The sizes of the buffers, and the buffer of each variable by its number.
    """
    alive = _alive(_lives(info), len(info._network.function))
    count = max(map(len, alive), default=0)
    needed = info._variable_buffer_size
    sizes = np.zeros(count, np.int32)
    for buffers in alive:
        own = np.sort(np.array([needed[buffer] for buffer in buffers], np.int32))
        largest = sizes[count - len(own) :]
        np.maximum(largest, own, out=largest)
    return _assigned(info, alive, sizes)


def _alive(lives: Any, count: int) -> List[List[int]]:
    """The buffers that are needed at each function, in the order of their numbers."""
    begins: List[List[int]] = [[] for _ in range(count)]
    for buffer, life in enumerate(lives):
        first = max(life.begin_func_idx, 0)
        if first <= min(life.end_func_idx, count - 1):
            begins[first].append(buffer)
    alive: List[List[int]] = []
    now: List[int] = []
    for function, begun in enumerate(begins):
        now = sorted([b for b in now if lives[b].end_func_idx >= function] + begun)
        alive.append(now)
    return alive


def _assigned(
    info: Any, alive: List[List[int]], sizes: np.ndarray
) -> Tuple[List[Any], Dict[int, int]]:
    """Gives each variable a buffer that is free and large enough, or enlarges a free one."""
    places: Dict[int, int] = {}
    for buffers in alive:
        variables = [(info._variable_buffer_index[buffer][0], buffer) for buffer in buffers]
        taken: Set[int] = {places[v] for v, _ in variables if v in places}
        for variable, buffer in variables:
            if variable in places:
                continue
            size = info._variable_buffer_size[buffer]
            free = [place for place in range(len(sizes)) if place not in taken]
            fitting = next((place for place in free if size <= sizes[place]), None)
            if fitting is None and free:
                fitting = free[0]
                sizes[fitting] = size
            if fitting is not None:
                taken.add(fitting)
                places[variable] = fitting
    return list(sizes), places


@contextmanager
def quick_plan() -> Iterator[None]:
    """Lets NNabla's converter take :func:`buffer_plan` within the block."""
    before = plan.save_variable_buffer
    plan.save_variable_buffer = buffer_plan
    try:
        yield
    finally:
        plan.save_variable_buffer = before
