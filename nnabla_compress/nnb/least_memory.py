# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The order of a network's functions in which its variables take the least memory."""

from __future__ import annotations

import heapq
from typing import Collection, Dict, FrozenSet, List, NamedTuple, Optional, Tuple

from nnabla_compress.nnb.network import NnbFile, NnbVariable
from nnabla_compress.nnb.single_assignment import single_assignment

MOST_STATES = 100_000
"""Sets of functions that are looked at; a network of many branches has more."""


class Order(NamedTuple):
    """An order of functions.

    Args:
        functions: Their numbers, as they run.
        bytes: The most that variables take at a time.
    """

    functions: Tuple[int, ...]
    bytes: int


class _Step(NamedTuple):
    """A function, by the bits of the functions that must have run."""

    needs: int
    inputs: Tuple[int, ...]
    outputs: Tuple[int, ...]
    over: FrozenSet[int]  # inputs that it could write over


def least_memory(
    network: NnbFile, write_over: Collection[str] = (), most_states: int = MOST_STATES
) -> Optional[Order]:
    """Returns an order of the functions in which variables take the least at their peak.

    Sets of functions that may have run are searched, those of the lowest peak first, so the first
    one that holds all of them is exact: no order takes less.

    Args:
        network: Any file.
        write_over: Types of functions that may write over an input that nobody reads later, if the
            output is as large.
        most_states: When to give up.

    Returns:
        The order; None if there are too many sets to look at.

    Example:
        >>> from nnabla_compress.nnb import NnbFunction
        >>> sizes = (4, 8, 8, 1, 1, 2)
        >>> x = tuple(NnbVariable(n, (1, s), "FLOAT32", buffer=n) for n, s in enumerate(sizes))
        >>> calls = [((0,), 1), ((0,), 2), ((1,), 3), ((2,), 4), ((3, 4), 5)]
        >>> steps = tuple(NnbFunction("Affine", 0, 0, read, (n,), {}) for read, n in calls)
        >>> least_memory(NnbFile(3, 44, sizes, x, steps, (0,), (5,)))  # 80 bytes as they stand
        Order(functions=(0, 2, 1, 3, 4), bytes=52)
    """
    search = _Search(single_assignment(network), write_over)
    begin = search.alive(0)
    best: Dict[int, int] = {0: begin}
    came_by: Dict[int, int] = {}
    waiting: List[Tuple[int, int]] = [(begin, 0)]
    while waiting:
        peak, done = heapq.heappop(waiting)
        if done == search.everything:
            return Order(_way(came_by, done), peak)
        if peak > best[done]:
            continue
        if len(best) > most_states:
            return None
        now = search.alive(done)
        for number, step in enumerate(search.steps):
            bit = 1 << number
            if done & bit or step.needs & ~done:
                continue
            found = max(peak, now + search.added(step, done | bit), search.alive(done | bit))
            if found < best.get(done | bit, found + 1):
                best[done | bit] = found
                came_by[done | bit] = number
                heapq.heappush(waiting, (found, done | bit))
    return None


def _way(came_by: Dict[int, int], done: int) -> Tuple[int, ...]:
    steps: List[int] = []
    while done:
        steps.append(came_by[done])
        done &= ~(1 << steps[-1])
    return tuple(steps[::-1])


class _Search:
    def __init__(self, network: NnbFile, write_over: Collection[str]) -> None:
        made = {
            number: step
            for step, function in enumerate(network.functions)
            for number in function.outputs
        }
        self._variables = network.variables
        self._outputs = set(network.outputs)
        self._made = {**dict.fromkeys(network.inputs, 0), **{n: 1 << s for n, s in made.items()}}
        self._readers: Dict[int, int] = {}
        self.steps = []
        for step, function in enumerate(network.functions):
            for number in function.inputs:
                self._readers[number] = self._readers.get(number, 0) | 1 << step
            needs = 0
            for number in function.inputs:
                needs |= self._made.get(number, 0)
            over = function.inputs if function.type_name in write_over else ()
            self.steps.append(_Step(needs, function.inputs, function.outputs, frozenset(over)))
        self.everything = (1 << len(self.steps)) - 1

    def _size(self, number: int) -> int:
        variable: NnbVariable = self._variables[number]
        return 0 if variable.buffer is None else (variable.nbytes + 3) // 4 * 4

    def _read_later(self, number: int, done: int) -> bool:
        return number in self._outputs or bool(self._readers.get(number, 0) & ~done)

    def alive(self, done: int) -> int:
        """Bytes between functions, when these have run."""
        return sum(
            self._size(number)
            for number, bit in self._made.items()
            if bit & ~done == 0 and self._read_later(number, done)
        )

    def added(self, step: _Step, done: int) -> int:
        """Bytes that a function takes beside what is alive before it."""
        sizes = sum(self._size(number) for number in step.outputs)
        for number in step.over:
            if self._size(number) == sizes and not self._read_later(number, done):
                return 0
        return sizes
