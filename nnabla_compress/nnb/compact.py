# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Making an ``.nnb`` smaller, and its buffers, without changing what the runtime computes.

NNabla's converter writes a record for each variable of the network and a list for each shape, and
gives most functions a buffer of their own to write to. The runtime needs less: it looks up where a
variable lies, and an element-wise function may write over what it reads.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import replace
from typing import Dict, List, Sequence, Tuple

from nnabla_compress.nnb.least_memory import least_memory
from nnabla_compress.nnb.memory_plan import memory_plan
from nnabla_compress.nnb.network import NnbFile, NnbFunction, NnbVariable

# Functions of one input that read an element and write it before they read the next one.
ELEMENT_WISE = frozenset(
    "ReLU LeakyReLU Sigmoid Tanh Swish ELU SELU Sign Abs Exp Log Identity Round AddScalar "
    "MulScalar PowScalar RSubScalar RDivScalar RPowScalar MinimumScalar MaximumScalar "
    "Reshape".split()
)
_BYTES_VERSION = 3  # of the format whose buffers are counted in bytes
_MOST_STATES = 2_000  # of a search for an order of functions: a second or two
_MOST_FUNCTIONS = 250  # likewise


def compact(network: NnbFile) -> NnbFile:
    """Returns a file that computes the same in fewer bytes and less memory.

    * Equal parameters are stored once.
    * Functions run in another order where that takes less memory.
    * Element-wise functions write over their input where nobody reads it later.
    * Buffers are shared anew, the largest variables first.
    * Variables of one shape and type in one buffer are one variable.

    Args:
        network: A file as NNabla's converter writes it, where each variable is written once; others
            come back as they are.

    Example:
        >>> x, y = (NnbVariable(i, (1, 4), "FLOAT32", buffer=i) for i in range(2))
        >>> relu = NnbFunction("ReLU", 14, 0, (0,), (1,), {"inplace": False})
        >>> small = compact(NnbFile(3, 44, (16, 16), (x, y), (relu,), (0,), (1,)))
        >>> small.buffer_bytes, len(small.variables)
        (16, 1)
    """
    written = [number for function in network.functions for number in function.outputs]
    known = [*network.inputs, *written]
    reads = [number for function in network.functions for number in function.inputs]
    constant = {n for n, v in enumerate(network.variables) if v.data is not None}
    if (
        network.version != _BYTES_VERSION
        or len(set(known)) < len(known)
        or constant & set(known)
        or not set(reads) | set(network.outputs) <= constant | set(known)
    ):
        return network
    return _merged(min(_placed(network), _placed(_reordered(network)), key=_buffer_bytes))


def _reordered(network: NnbFile) -> NnbFile:
    """Returns the network with its functions in the order that takes the least memory."""
    if not 0 < len(network.functions) <= _MOST_FUNCTIONS:
        return network
    order = least_memory(network, ELEMENT_WISE, _MOST_STATES)
    if order is None or order.bytes >= memory_plan(network).most.alive:
        return network
    return replace(network, functions=tuple(network.functions[n] for n in order.functions))


def _buffer_bytes(network: NnbFile) -> int:
    return network.buffer_bytes


def with_own_buffers(network: NnbFile) -> NnbFile:
    """Returns the file with a buffer for each variable that is no parameter.

    Args:
        network: A file whose buffers are counted in bytes.

    Example:
        >>> x, y = (NnbVariable(i, (1, 4), "FLOAT32", buffer=0) for i in range(2))
        >>> relu = NnbFunction("ReLU", 14, 0, (0,), (1,), {"inplace": True})
        >>> apart = with_own_buffers(NnbFile(3, 44, (16,), (x, y), (relu,), (0,), (1,)))
        >>> apart.buffers, [variable.buffer for variable in apart.variables]
        ((16, 16), [0, 1])
    """
    variables, buffers = list(network.variables), []  # type: List[NnbVariable], List[int]
    known = {*network.inputs, *(n for function in network.functions for n in function.outputs)}
    for number in sorted(known):
        variables[number] = replace(variables[number], buffer=len(buffers))
        buffers.append((variables[number].nbytes + 3) // 4 * 4)
    for number, variable in enumerate(variables):
        if variable.data is None and number not in known:
            variables[number] = replace(variable, buffer=0)
    return replace(network, variables=tuple(variables), buffers=tuple(buffers))


def _placed(network: NnbFile) -> NnbFile:
    """Returns the network with its variables placed in as few bytes of buffers as are found."""
    end = len(network.functions)
    first = dict.fromkeys(network.inputs, -1)
    last: Dict[int, int] = {}
    for step, function in enumerate(network.functions):
        first.update(dict.fromkeys(function.outputs, step))
        last.update(dict.fromkeys(function.inputs, step))
    last.update(dict.fromkeys(network.outputs, end))
    # Variables in one place: each stands for those that are written over it in turn.
    place = {number: number for number in first}
    kept = set(network.outputs)
    for step, function in enumerate(network.functions):
        source, target = function.inputs[:1], function.outputs[:1]
        if (
            function.type_name in ELEMENT_WISE
            and len(function.inputs) == len(function.outputs) == 1
            and source[0] in place
            and last[source[0]] == step
            and source[0] not in kept
            and _same_size(network.variables[source[0]], network.variables[target[0]])
        ):
            place[target[0]] = place[source[0]]
    found = []
    for chosen in (place, {number: number for number in first}):
        spans: Spans = {}
        for number, root in chosen.items():
            size = (network.variables[number].nbytes + 3) // 4 * 4
            begin, stop, most = spans.get(root, (first[number], -1, 0))
            stop = max(stop, last.get(number, first[number]))
            spans[root] = (min(begin, first[number]), stop, max(most, size))
        found.append((chosen, *share(spans)))
    place, buffers, taken = min(found, key=lambda one: sum(one[1]))
    if (sum(buffers), len(buffers)) > (network.buffer_bytes, len(network.buffers)):
        return network
    variables = [
        replace(variable, buffer=taken[place[number]]) if number in place else variable
        for number, variable in enumerate(network.variables)
    ]
    return replace(network, buffers=tuple(buffers), variables=tuple(variables))


Spans = Dict[int, Tuple[int, int, int]]


def share(spans: Spans) -> Tuple[List[int], Dict[int, int]]:
    """Returns sizes of buffers, and which one each variable takes.

    Args:
        spans: The first and the last function that needs a variable, and its bytes.

    Example:
        >>> share({0: (0, 1, 16), 1: (1, 2, 8), 2: (2, 3, 16)})
        ([16, 8], {0: 0, 2: 0, 1: 1})
    """
    orders = (
        lambda root: (-spans[root][2], spans[root][0]),
        lambda root: (-spans[root][2] * (spans[root][1] - spans[root][0] + 1), spans[root][0]),
        lambda root: (spans[root][0], -spans[root][2]),
    )
    least = _least_sizes(spans)
    for order in orders:
        found = _shared(spans, sorted(spans, key=order), least)
        if sum(found[0]) == sum(least):
            return found
    plans = [_shared(spans, sorted(spans, key=order), []) for order in orders]
    return min(plans, key=lambda plan: sum(plan[0]))


def _least_sizes(spans: Spans) -> List[int]:
    """Returns the least sizes of buffers: the largest, second largest, ... variable of any time."""
    sizes: List[int] = []
    coming = sorted(spans.values())
    living: List[Tuple[int, int, int]] = []
    at = 0
    for step in sorted({first for first, _, _ in coming}):
        while at < len(coming) and coming[at][0] <= step:
            living.append(coming[at])
            at += 1
        living = [span for span in living if span[1] >= step]
        alive = sorted((n for _, _, n in living), reverse=True)
        sizes += [0] * (len(alive) - len(sizes))
        sizes = [max(size, n) for size, n in zip(sizes, alive)] + sizes[len(alive) :]
    return sizes


def _is_free(used: Sequence[Tuple[int, int]], begin: int, stop: int) -> bool:
    after = bisect_left(used, (begin, begin))
    return (after == 0 or used[after - 1][1] < begin) and (
        after == len(used) or used[after][0] > stop
    )


def _shared(
    spans: Spans, order: Sequence[int], sizes: Sequence[int]
) -> Tuple[List[int], Dict[int, int]]:
    """Gives each variable in turn a buffer that is free while it lives, a new one if none is."""
    buffers = list(sizes)
    # The times when each is taken, in order: no two overlap, so that neighbours tell all.
    times: List[List[Tuple[int, int]]] = [[] for _ in buffers]
    taken: Dict[int, int] = {}
    for root in order:
        begin, stop, size = spans[root]
        free = [index for index, used in enumerate(times) if _is_free(used, begin, stop)]
        if free:
            # The one that grows least, then the one that fits best.
            chosen = min(free, key=lambda i: (max(size - buffers[i], 0), abs(buffers[i] - size)))
        else:
            chosen = len(buffers)
            buffers.append(0)
            times.append([])
        buffers[chosen] = max(buffers[chosen], size)
        insort(times[chosen], (begin, stop))
        taken[root] = chosen
    return buffers, taken


def _merged(network: NnbFile) -> NnbFile:
    """Returns the network with equal variables as one."""
    numbers: Dict[Tuple[object, ...], int] = {}
    variables: List[NnbVariable] = []
    new: List[int] = []
    for variable in network.variables:
        kind = (variable.shape, variable.type, variable.fp_pos, variable.buffer, variable.data)
        if kind not in numbers:
            numbers[kind] = len(variables)
            variables.append(replace(variable, id=len(variables)))
        new.append(numbers[kind])

    def moved(old: Sequence[int]) -> Tuple[int, ...]:
        return tuple(new[number] for number in old)

    functions: List[NnbFunction] = [
        replace(function, inputs=moved(function.inputs), outputs=moved(function.outputs))
        for function in network.functions
    ]
    return replace(
        network,
        variables=tuple(variables),
        functions=tuple(functions),
        inputs=moved(network.inputs),
        outputs=moved(network.outputs),
    )


def _same_size(first: NnbVariable, second: NnbVariable) -> bool:
    return first.size == second.size and first.nbytes == second.nbytes
