# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weighing the bytes of the file against the memory that decoding takes while it runs.

A weight in few bits is small in flash, but decoded it stands in a buffer. What that costs depends
on the layer: where little else is alive, decoding fits into buffers that are there anyway. So
storage is chosen for the network as a whole, by the sizes of the file that would be written.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.errors import ConfigError
from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.rewrite import depending, functions
from nnabla_compress.lowering.draft import drafted_sizes
from nnabla_compress.memory import forget
from nnabla_compress.nnb.sources import Source

PREFERENCES = ("flash", "ram", "both")
_STEPS = 6  # limits of memory that are tried between that of floats and that of the smallest file
_NEAR_TIE = 1.03
_LARGEST = 24  # weights, the largest ones, that are then tried one by one
_BELOW = (0.75, 0.5, 0.0)  # further ones, as buffers do not always share memory well


class Built(NamedTuple):
    """A network with its weights stored in some way.

    Args:
        outputs: Its outputs.
        types: How the C runtime holds variables that are no floats.
        made: What the caller made it with.
        codes: Values of parameters that are not in memory, by their array.
    """

    outputs: Sequence[nn.Variable]
    types: Mapping[nn.Variable, str]
    made: Any
    codes: Mapping[Any, Source] = MappingProxyType({})


# Builds the network; called with the memory that decoding a weight may take, by its array, None for
# any.
Build = Callable[[Optional[Mapping[Any, Optional[int]]]], Built]


def check_preference(prefer: str) -> None:
    """Refuses what can't be preferred.

    Args:
        prefer: The name.

    Raises:
        ConfigError: With the names that there are.
    """
    if prefer not in PREFERENCES:
        raise ConfigError(
            f"there is nothing to prefer called {prefer!r}.",
            help=f"choose {', '.join(PREFERENCES)}",
        )


def weighed(
    build: Build, plain: Sequence[nn.Variable], inputs: Sequence[nn.Variable], prefer: str
) -> Built:
    """Returns the network with its weights stored in the way that is preferred.

    Args:
        build: Stores the weights.
        plain: Outputs of the same network with each weight as one float parameter.
        inputs: Its inputs.
        prefer: ``"flash"``: the smallest file, of files within 3 % the one that takes the least
            memory. ``"ram"``: the smallest one of those whose buffers
            take no more memory than the float network's, or the least that can be had.
            ``"both"``: the least of the file and the buffers together.
    """
    first = build(None)
    free = drafted_sizes(plain, inputs, {}, first.codes)[1]
    smallest, largest = drafted_sizes(first.outputs, inputs, first.types, first.codes)
    if largest <= free:
        return first
    search = _Search(build, inputs, prefer, free, smallest)
    search.try_room(None)
    alive = alive_at(plain, inputs)
    for limit in (*np.linspace(free, largest, _STEPS)[:-1], *(free * part for part in _BELOW)):
        search.try_room(_room(alive, limit))
    if prefer != "flash":
        for data in sorted(alive, key=lambda data: -alive[data].weight)[:_LARGEST]:
            for times in (None, 2, 0):
                most = None if times is None else times * alive[data].weight
                search.try_room({**dict.fromkeys(alive, 0), **search.room, data: most})
    best = search.best
    del search, first
    forget(sum(here.weight for here in alive.values()) // 4)  # what was tried refers to itself
    return best


class _Search:
    """The best that was built so far."""

    def __init__(
        self, build: Build, inputs: Sequence[nn.Variable], prefer: str, free: int, smallest: int
    ) -> None:
        self.best: Built = Built((), {}, None)
        self.room: Mapping[Any, Optional[int]] = {}
        self._build, self._inputs, self._prefer = build, inputs, prefer
        self._free, self._smallest = free, smallest
        self._order: Any = None

    def try_room(self, room: Optional[Mapping[Any, Optional[int]]]) -> None:
        """Builds the network and keeps it if it is better."""
        built = self._build(room)
        file, memory = drafted_sizes(built.outputs, self._inputs, built.types, built.codes)
        order: Any = file > _NEAR_TIE * self._smallest, memory, file
        if self._prefer == "both":
            order = (file + memory,)
        elif self._prefer == "ram":
            order = max(memory - self._free, 0), file
        if self._order is None or order < self._order:
            self.best, self.room, self._order = built, room or {}, order


def smaller(first: Built, second: Built, inputs: Sequence[nn.Variable]) -> Built:
    """Returns the one of two networks whose file is smaller, the first of equal ones."""
    sizes = [drafted_sizes(one.outputs, inputs, one.types, one.codes)[0] for one in (first, second)]
    return first if sizes[0] <= sizes[1] else second


class Alive(NamedTuple):
    """Memory around a layer.

    Args:
        before: Bytes of the tensors that are alive when its weight is decoded.
        output: Bytes of its output.
        weight: Bytes of its weight as floats.
    """

    before: int
    output: int
    weight: int


def alive_at(outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]) -> Dict[Any, Alive]:
    """Returns the memory around each layer, by the array of its weight.

    Args:
        outputs: Outputs of a graph with each weight as one parameter.
        inputs: Its inputs.

    Example:
        >>> import nnabla.functions as F
        >>> x, w = nn.Variable((1, 4)), nn.Variable((4, 3))
        >>> alive_at([F.affine(x, w)], [x])[w.data]
        Alive(before=16, output=12, weight=48)
    """
    moving = depending(outputs, inputs)
    order = functions(outputs)
    first: Dict[nn.Variable, int] = dict.fromkeys(inputs, -1)
    last: Dict[nn.Variable, int] = {}
    for step, function in enumerate(order):
        first.update((v, step) for v in function.outputs if v in moving)
        last.update((v, step) for v in function.inputs if v in moving)
    last.update((v, len(order)) for v in outputs)
    found: Dict[Any, Alive] = {}
    for step, function in enumerate(order):
        if function.info.type_name not in WEIGHTED or len(function.inputs) <= WEIGHT:
            continue
        before = sum(4 * v.size for v in first if first[v] < step <= last.get(v, -1))
        weight = function.inputs[WEIGHT]
        here = Alive(before, 4 * function.outputs[0].size, 4 * weight.size)
        # A weight that several layers read is decoded for the one with the least memory left.
        before_that = found.get(weight.data, here)
        found[weight.data] = max(before_that, here)
    return found


def _room(alive: Mapping[Any, Alive], limit: float) -> Dict[Any, int]:
    """The memory that decoding may take so that a limit is kept: none where the weight has none."""
    fits: List[Any] = [
        data for data, one in alive.items() if one.before + one.weight + one.output <= limit
    ]
    return {
        data: max(int(limit) - one.before, 0) if data in fits else 0 for data, one in alive.items()
    }
