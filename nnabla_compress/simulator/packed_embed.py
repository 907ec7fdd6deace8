# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Embed of the project's C kernels: rows of a table that is stored as codes."""

from __future__ import annotations

import math
from typing import Dict, Set

import numpy as np

from nnabla_compress.c_kernels.embeds import EMBED
from nnabla_compress.c_kernels.layout import IMPLEMENT
from nnabla_compress.c_kernels.tables import table_of, table_rows
from nnabla_compress.errors import DataError, ExportError
from nnabla_compress.function_types import KEEPS
from nnabla_compress.nnb.network import NnbFile
from nnabla_compress.row_codes import RowCodes
from nnabla_compress.simulator.call import Call

_EXACT = 1 << 24  # from here on float32 does not tell whole numbers apart


def packed_embed(call: Call) -> None:
    """Embed on a table of codes, laid out as ``packed_table.h`` says: the bits of the C kernel.

    The inputs are numbers of rows as float32, and the table.

    Raises:
        DataError: If the table is damaged or does not fit, or a number is that of no row, which the
            C kernels answer with an error of ``rt_forward``.

    Example:
        >>> from nnabla_compress.simulator import Machine
        >>> def run(nnb, ids):
        ...     return Machine(nnb, callbacks={(10, 20): packed_embed}).run([ids])
    """
    if "table" not in call.plan:
        call.plan["table"] = _table(call)
    table: RowCodes = call.plan["table"]
    x, y = call.inputs[0], call.outputs[0]
    numbers = x.array
    is_row = (numbers >= 0) & (numbers < min(len(table), _EXACT)) & (numbers == np.rint(numbers))
    if not is_row.all():
        wrong = numbers[~is_row].flat[0]
        raise DataError(
            f"{call} is asked for row {wrong:g} of a table of {len(table):,}.",
            help=f"give whole numbers from 0 to {min(len(table), _EXACT) - 1}",
        )
    lanes = numbers.shape[-1]
    rows = table.rows(numbers.reshape(-1).astype(np.int64))
    y.array[...] = np.moveaxis(rows.reshape(-1, lanes, table.width), 1, 2).reshape(*y.shape, lanes)


def rows_chosen(network: NnbFile) -> Dict[int, int]:
    """Returns the inputs that take numbers of rows, and how many rows there are to choose from.

    Args:
        network: A network, each of whose variables is written once.
    """
    behind: Dict[int, Set[int]] = {number: {number} for number in network.inputs}
    found: Dict[int, int] = {}
    for function in network.functions:
        sources = {s for number in function.inputs[:1] for s in behind.get(number, ())}
        if function.type_name == EMBED and function.implement == IMPLEMENT:
            data = network.variables[function.inputs[-1]].data
            rows = 0 if data is None else table_rows(bytes(data))
            for source in sources if rows else ():
                found[source] = min(found.get(source, rows), rows)
        elif function.type_name in KEEPS:
            for number in function.outputs:
                behind.setdefault(number, set()).update(sources)
    return found


def _table(call: Call) -> RowCodes:
    call.expect((2,))
    x, stored, y = call.inputs[0], call.inputs[1], call.outputs[0]
    if not x.is_float or not y.is_float or stored.type != "FIXED8" or stored.variable.data is None:
        raise call.misfit("rows are not float, or the table is no INT8 parameter")
    content = bytes(stored.variable.data)[: math.prod(stored.shape)]
    try:
        table = table_of(content)
    except ExportError as error:
        raise call.misfit(error.message.rstrip(".")) from error
    if math.prod(x.shape) * table.width != math.prod(y.shape) or not y.shape:
        raise call.misfit(f"rows of {table.width} numbers do not fill the output")
    return table
