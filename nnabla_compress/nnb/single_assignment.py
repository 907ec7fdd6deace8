# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Giving each value of a file a variable of its own, where several share one."""

from __future__ import annotations

from dataclasses import replace
from typing import Dict, List, Tuple

from nnabla_compress.nnb.network import NnbFile, NnbVariable


def single_assignment(network: NnbFile) -> NnbFile:
    """Returns a file that computes the same and writes each variable at most once.

    A variable that is written again gets a copy for each further time, in the same buffer.

    Args:
        network: Any file.

    Example:
        >>> from nnabla_compress.nnb import NnbFunction
        >>> x = NnbVariable(0, (1, 4), "FLOAT32", buffer=0)
        >>> relu = NnbFunction("ReLU", 14, 0, (0,), (0,), {"inplace": True})
        >>> split = single_assignment(NnbFile(3, 44, (16,), (x,), (relu, relu), (0,), (0,)))
        >>> [(f.inputs, f.outputs) for f in split.functions], split.outputs
        ([((0,), (1,)), ((1,), (2,))], (2,))
    """
    variables: List[NnbVariable] = list(network.variables)
    current: Dict[int, int] = {}
    written = set(network.inputs)
    functions = []
    for function in network.functions:
        inputs = tuple(current.get(number, number) for number in function.inputs)
        outputs: Tuple[int, ...] = ()
        for number in function.outputs:
            if number in written and number < len(network.variables):
                current[number] = len(variables)
                variables.append(replace(network.variables[number], id=len(variables)))
            written.add(number)
            outputs += (current.get(number, number),)
        functions.append(replace(function, inputs=inputs, outputs=outputs))
    last = tuple(current.get(number, number) for number in network.outputs)
    return replace(network, variables=tuple(variables), functions=tuple(functions), outputs=last)
