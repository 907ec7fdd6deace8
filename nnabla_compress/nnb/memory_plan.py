# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How the variables of a network share its buffers, function by function."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, List, Tuple

from nnabla_compress.nnb.network import NnbFile
from nnabla_compress.nnb.single_assignment import single_assignment


@dataclass(frozen=True)
class Moment:
    """What memory holds while a function runs.

    Args:
        function: Its number, from 0.
        type_name: NNabla's name of it.
        shape: Of its first output.
        alive: Bytes of the variables that it reads or writes, or that are read later.
    """

    function: int
    type_name: str
    shape: Tuple[int, ...]
    alive: int


@dataclass(frozen=True)
class MemoryPlan:
    """How a network uses its buffers.

    Args:
        moments: For each function in its order.
        buffers: Bytes of all buffers.
    """

    moments: Tuple[Moment, ...]
    buffers: int

    @property
    def most(self) -> Moment:
        """When most is alive: in this order of functions no plan takes less."""
        return max(self.moments, key=lambda moment: moment.alive)


def memory_plan(network: NnbFile) -> MemoryPlan:
    """Returns how a network uses its buffers.

    A variable that is written over another one, in the same buffer, counts once.

    Args:
        network: A file with at least one function.

    Example:
        >>> from nnabla_compress.nnb import NnbFunction, NnbVariable
        >>> x, h, y = (NnbVariable(n, (1, 4), "FLOAT32", buffer=n % 2) for n in range(3))
        >>> steps = [NnbFunction("Tanh", 10, 0, (n,), (n + 1,), {}) for n in (0, 1)]
        >>> plan = memory_plan(NnbFile(3, 44, (16, 16), (x, h, y), tuple(steps), (0,), (2,)))
        >>> plan.buffers, plan.most.alive
        (32, 32)
    """
    network = single_assignment(network)
    first = dict.fromkeys(network.inputs, 0)
    last: Dict[int, int] = {}
    for step, function in enumerate(network.functions):
        for number in function.outputs:
            first.setdefault(number, step)
        last.update(dict.fromkeys(function.inputs, step))
    last.update(dict.fromkeys(network.outputs, len(network.functions)))
    moments: List[Moment] = []
    for step, function in enumerate(network.functions):
        held: Dict[int, int] = {}
        for number, begin in first.items():
            variable = network.variables[number]
            if variable.buffer is not None and begin <= step <= last.get(number, begin):
                size = (variable.nbytes + 3) // 4 * 4
                held[variable.buffer] = max(held.get(variable.buffer, 0), size)
        shape = network.variables[function.outputs[0]].shape if function.outputs else ()
        moments.append(Moment(step, function.type_name, shape, sum(held.values())))
    return MemoryPlan(tuple(moments), network.buffer_bytes)
