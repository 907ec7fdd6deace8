# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What of a stored network takes data, and what is its result."""

from __future__ import annotations

from typing import Any, Collection, List, Sequence, Set

from nnabla_compress.models.heads import data_inputs, needed_by
from nnabla_compress.models.nnp_build import constant
from nnabla_compress.models.nnp_executors import Executor
from nnabla_compress.names import ascii_name


def set_ports(network: Any, executors: Sequence[Executor], data: Collection[str]) -> List[str]:
    """Makes the outputs those that an executor names, the inputs those that these need.

    A network without an executor ends where nothing reads on; what is left over of a function
    with several outputs, such as the last states of an LSTM, is then none of its outputs.

    Args:
        network: A ``ProtoNetwork``, which is changed.
        executors: The executors of its file.
        data: Names of what its file gives data to otherwise, as its trainings do.

    Returns:
        Names of the variables that nobody gives data to but the outputs need, such as the first
        states of a loop.
    """
    named = [each.outputs for each in executors if each.network == network.name]
    known = [[key for key in map(ascii_name, keys) if _is_computed(network, key)] for keys in named]
    ends = next((list(dict.fromkeys(keys)) for keys in known if keys), None)
    if ends is None:
        read = {key for function in network.functions.values() for key in function.inputs}
        beside = {
            key
            for function in network.functions.values()
            if read.intersection(function.outputs)
            for key in function.outputs
        }
        ends = [key for key in network.outputs if key not in beside] or network.outputs
    network.outputs = ends
    needed = needed_by(network, ends)
    states = _states(network, executors, data)
    network.inputs = [
        key
        for key in network.inputs
        if (key in _fed(network, executors) or not (key in states or _is_constant(network, key)))
        and (key in needed or not ends)
    ]
    return [key for key in states if key in needed or not ends]


def _states(network: Any, executors: Sequence[Executor], data: Collection[str]) -> List[str]:
    """Names of inputs that no executor gives data to, though one does to others."""
    fed = _fed(network, executors)
    if not fed.intersection(network.inputs):
        return []
    return [
        key
        for key in data_inputs(network)
        if key not in fed and key not in data and not _is_constant(network, key)
    ]


def _fed(network: Any, executors: Sequence[Executor]) -> Set[str]:
    of_network = [each for each in executors if each.network == network.name]
    return {ascii_name(key) for each in of_network for key in each.inputs}


def _is_constant(network: Any, name: str) -> bool:
    """Whether the file initializes all values with one number, as the first state of a loop."""
    return constant(network, name) is not None


def _is_computed(network: Any, name: str) -> bool:
    return name in network.variables and bool(network.variables[name].parent)
