# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables of an Embed that can stay codes: which ones, and their codes of rows."""

from __future__ import annotations

from typing import Any, Dict, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.errors import ExportError
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.lowering.encode import EncodedGraph
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.row_codes import RowCodes

EMBED = "Embed"


def has_row_codes(function: Any) -> bool:
    """Returns whether the table of an Embed is quantized to codes of rows, in fewer bytes.

    Args:
        function: An Embed of a graph with its quantizers.

    Example:
        >>> import nnabla.functions as F
        >>> from nnabla_compress.quantizers import LUT
        >>> nn.clear_parameters()
        >>> table = nn.parameter.get_parameter_or_create("items/W", (50, 4))
        >>> ids = nn.Variable((1, 3))
        >>> [has_row_codes(F.embed(ids, one).parent) for one in (table, LUT(bits=2)(table))]
        [False, True]
    """
    made_by = function.inputs[WEIGHT].parent
    quantizer = None if made_by is None else quantizer_of(made_by)
    if quantizer is None or made_by.inputs[0].parent is not None:
        return False
    encoding: Any = quantizer.encode(made_by)
    return _of(encoding, encoding.decode()) is not None


def tables_of_embeds(graph: EncodedGraph, outputs: Sequence[nn.Variable]) -> Dict[Any, RowCodes]:
    """Returns the codes of the tables that the Embeds of a graph read, by array of the table.

    Args:
        graph: The graph with its encodings.
        outputs: Its outputs in the lowered form.
    """
    found: Dict[Any, RowCodes] = {}
    for function in functions(outputs):
        if function.info.type_name != EMBED:
            continue
        table = function.inputs[WEIGHT]
        encoding = graph.tables.get(table.data) or graph.encodings.get(table.data)
        codes = None if encoding is None else _of(encoding, np.asarray(table.d, np.float32))
        if codes is not None:
            found[table.data] = codes
    return found


def _of(encoding: Any, values: np.ndarray) -> Optional[RowCodes]:
    """The codes of rows of an encoding; None where they give other bits or take more bytes."""
    try:
        codes: RowCodes = encoding.row_codes()
    except ExportError:
        return None
    if codes.nbytes >= 4 * values.size:
        return None
    return codes if codes.decode().tobytes() == values.tobytes() else None
