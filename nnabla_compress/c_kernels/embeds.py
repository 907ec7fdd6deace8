# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rewriting a network file so that the C kernel of Embed owns its tables, as codes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Dict, List, Sequence, Tuple

import numpy as np

from nnabla_compress.c_kernels.layout import IMPLEMENT
from nnabla_compress.c_kernels.tables import table_bytes
from nnabla_compress.nnb import NnbFile, NnbFunction, NnbVariable, values
from nnabla_compress.row_codes import RowCodes

EMBED, TABLE = "Embed", 1
_ROWS = 1 << 14  # decoded at a time


def pack_embeds(network: NnbFile, tables: Sequence[RowCodes]) -> Tuple[NnbFile, List[RowCodes]]:
    """Gives each Embed its table as codes, and marks it for the C kernels.

    Args:
        network: A file with float tables.
        tables: Tables of codes; an Embed takes the one that decodes to the bits of its own.

    Returns:
        The rewritten network, and the tables that no Embed has.

    Example:
        >>> books = np.float32([[[[0, 1], [2, 3]]]])
        >>> table = RowCodes(np.uint8([[1], [0]] * 30), 1, books, (60, 2))
        >>> variables = (
        ...     NnbVariable(0, (1, 3), "FLOAT32", buffer=0),
        ...     NnbVariable(1, (60, 2), "FLOAT32", data=table.decode().tobytes()),
        ...     NnbVariable(2, (1, 3, 2), "FLOAT32", buffer=1),
        ... )
        >>> embed = NnbFunction("Embed", 10, 0, (0, 1), (2,), {})
        >>> network = NnbFile(3, 44, (12, 24), variables, (embed,), (0,), (2,))
        >>> packed, left = pack_embeds(network, [table])
        >>> packed.functions[0].implement, len(packed.variables[1].data), left
        (20, 116, [])
    """
    variables, functions = list(network.variables), list(network.functions)
    readers = Counter(number for function in functions for number in function.inputs)
    mine = Counter(one.inputs[TABLE] for one in functions if _is_free(one))
    placed: Dict[int, int] = {}
    used = set()
    for index, function in enumerate(functions):
        if not _is_free(function):
            continue
        number = function.inputs[TABLE]
        if number not in placed:
            found = [n for n, table in enumerate(tables) if _holds(table, variables[number])]
            if not found:
                continue
            used.update(found)
            content = table_bytes(tables[found[0]])
            given = NnbVariable(variables[number].id, (len(content),), "FIXED8", data=content)
            placed[number] = number
            if readers[number] > mine[number] or number in network.outputs:
                placed[number] = len(variables)
                identity = max(variable.id for variable in variables) + 1
                variables.append(replace(given, id=identity))
            else:
                variables[number] = given
        inputs = (function.inputs[0], placed[number])
        functions[index] = replace(function, inputs=inputs, implement=IMPLEMENT)
    made = replace(network, variables=tuple(variables), functions=tuple(functions))
    return made, [table for n, table in enumerate(tables) if n not in used]


def _is_free(function: NnbFunction) -> bool:
    return function.type_name == EMBED and function.implement == 0 and len(function.inputs) == 2


def _holds(table: RowCodes, variable: NnbVariable) -> bool:
    """Whether a table decodes to the bits of a float parameter."""
    if variable.type != "FLOAT32" or variable.data is None:
        return False
    if tuple(variable.shape) != tuple(table.shape):
        return False
    held = values(variable).reshape(len(table), -1)
    for start in range(0, len(table), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(table)))
        if table.rows(rows).astype("<f4").tobytes() != held[rows].astype("<f4").tobytes():
            return False
    return True
