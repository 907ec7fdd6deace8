# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Seeing values inside a network of the C runtime that it would overwrite."""

from __future__ import annotations

from dataclasses import replace
from typing import Collection, Dict, Optional, Sequence, Tuple

from nnabla_compress.nnb.network import NnbFile


def with_outputs(network: NnbFile, numbers: Sequence[int]) -> NnbFile:
    """Returns a file that gives more variables, each in a buffer of its own.

    Args:
        network: The file, each of whose variables is written once.
        numbers: Variables in buffers, which become further outputs.

    Example:
        >>> from nnabla_compress.nnb import NnbFunction, NnbVariable
        >>> x, h, y = (NnbVariable(n, (1, 4), "FLOAT32", buffer=0) for n in range(3))
        >>> steps = [NnbFunction("ReLU", 14, 0, (n,), (n + 1,), {"inplace": True}) for n in (0, 1)]
        >>> more = with_outputs(NnbFile(3, 44, (16,), (x, h, y), tuple(steps), (0,), (2,)), [1])
        >>> more.outputs, more.buffers, more.variables[1].buffer
        ((2, 1), (16, 16), 1)
    """
    variables, buffers = list(network.variables), list(network.buffers)
    for number in numbers:
        variables[number] = replace(variables[number], buffer=len(buffers))
        size = variables[number].nbytes
        buffers.append(-(-size // 4) if network.version == 2 else size)
    return replace(
        network,
        variables=tuple(variables),
        buffers=tuple(buffers),
        outputs=(*network.outputs, *numbers),
    )


def before_last(network: NnbFile, output: int, last: str, behind: Collection[str]) -> Optional[int]:
    """Returns the variable that the last function of a type gets on the way to an output.

    Args:
        network: The file, each of whose variables is written once.
        output: Number of the output's variable.
        last: Type of the function.
        behind: Types of functions that may stand behind it.

    Returns:
        The number of the variable; None if there is no such function, or nothing computes it.
    """
    makers: Dict[int, Tuple[str, Tuple[int, ...]]] = {
        number: (function.type_name, function.inputs)
        for function in network.functions
        for number in function.outputs
    }
    for _ in makers:
        type_name, inputs = makers.get(output, ("", ()))
        if not inputs or (type_name != last and type_name not in behind):
            return None
        if type_name == last:
            return inputs[0] if inputs[0] in makers else None
        output = inputs[0]
    return None
