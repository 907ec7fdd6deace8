# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What a graph costs on the C runtime: bytes of the file, and of memory while it runs."""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, Sequence, Tuple

import nnabla as nn

from nnabla_compress.graph.rewrite import functions
from nnabla_compress.nnb.function_table import FUNCTIONS
from nnabla_compress.nnb.network import stored_bytes

_FIXED = 20  # of a function's record before its arguments
_ARGUMENTS: Dict[str, Tuple[Tuple[str, str], ...]] = {}
for _format in FUNCTIONS.values():
    if len(_format.arguments) >= len(_ARGUMENTS.get(_format.type_name, ())):
        _ARGUMENTS[_format.type_name] = _format.arguments

Types = Mapping[nn.Variable, str]


def nnb_bytes(outputs: Sequence[nn.Variable], types: Types) -> int:
    """Returns the bytes that variables and all that computes them add to an ``.nnb``.

    Parameters, variables and functions with their lists, as NNabla's converter writes them.

    Args:
        outputs: Variables of one graph.
        types: Types of variables that are not floats, such as ``"FIXED8_0"`` or ``"SIGN"``.

    Example:
        >>> nnb_bytes([nn.Variable((8, 25), need_grad=True)], {})
        844
    """
    order = functions(outputs)
    variables = dict.fromkeys(outputs)
    for function in order:
        variables.update(dict.fromkeys((*function.inputs, *function.outputs)))
    total = sum(_function_bytes(function) for function in order)
    for variable in variables:
        total += 32 + 4 * variable.ndim
        if variable.parent is None:
            total += 4 + parameter_bytes(variable, types)
    return total


def buffer_sizes(
    outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable], types: Types
) -> List[int]:
    """Returns the bytes of the buffers that NNabla's converter plans for a graph.

    At each function it needs a buffer for every variable between its first and its last use; the
    largest one is as large as the largest variable, the second as the second largest, and so on.

    Args:
        outputs: Outputs of the graph.
        inputs: Its inputs.
        types: Types of variables that are not floats.
    """
    order = functions(outputs)
    first: Dict[nn.Variable, int] = dict.fromkeys(inputs, 0)
    last: Dict[nn.Variable, int] = {}
    for step, function in enumerate(order):
        for variable in (*function.inputs, *function.outputs):
            if variable.parent is not None or variable in first:
                first.setdefault(variable, step)
                last[variable] = step
    last.update(dict.fromkeys(outputs, len(order)))
    sizes: List[int] = []
    for step in range(len(order)):
        alive = sorted(
            (_variable_bytes(v, types) for v in first if first[v] <= step <= last.get(v, -1)),
            reverse=True,
        )
        sizes += [0] * (len(alive) - len(sizes))
        sizes = [max(size, a) for size, a in zip(sizes, alive)] + sizes[len(alive) :]
    return sizes


def parameter_bytes(variable: nn.Variable, types: Types) -> int:
    """Returns the bytes of a parameter's values in an ``.nnb``, padded to 4."""
    return _padded(_variable_bytes(variable, types))


def _function_bytes(function: Any) -> int:
    record, lists = _FIXED, 0
    for name, kind in _ARGUMENTS.get(function.info.type_name, ()):
        if kind == "B":
            record += 1
            continue
        record = _padded(record) + (8 if kind == "I" else 4)
        if kind == "I":
            lists += 4 + 4 * len(function.info.args[name])
    return 16 + _padded(record) + 4 * (len(function.inputs) + len(function.outputs)) + lists


def _variable_bytes(variable: nn.Variable, types: Types) -> int:
    type_name = types.get(variable, "FLOAT32").split("_")[0]
    return stored_bytes(variable.size, type_name)


def _padded(size: int) -> int:
    return (size + 3) // 4 * 4
