# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The weights of an export that stay floats: of layers without a quantizer, and of no layer."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Mapping, Sequence, Set, Tuple

import nnabla as nn

from nnabla_compress.analysis.layers import layers
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.names import shown_name
from nnabla_compress.quantizers.base import shown_type

_FLOAT_BYTES = 4


@dataclass(frozen=True)
class LeftRow:
    """A weight that no layer owns, so that it stays as it is.

    Args:
        name: Path of the parameter.
        type: Type of the function that reads it.
        weights: Number of its values.
        bytes: Their bytes as floats.
    """

    name: str
    type: str
    weights: int
    bytes: int


def left_rows(
    outputs: Sequence[nn.Variable], parameters: Mapping[str, nn.Variable], own: Mapping[Any, str]
) -> Tuple[LeftRow, ...]:
    """Returns a row for each parameter of the user's network that is no layer's weight or bias.

    Args:
        outputs: Variables of one graph, with each weight as one parameter.
        parameters: Its parameters by path.
        own: Paths of the network's own parameters by their array. What an export adds, such as the
            scales of batch normalizations, counts with the biases.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.prelu(PF.affine(nn.Variable((1, 4)), 3, name="fc"), name="p")
        >>> parameters = nn.get_parameters()
        >>> own = {variable.data: path for path, variable in parameters.items()}
        >>> [(row.name, row.type, row.bytes) for row in left_rows([y], parameters, own)]
        [('p/prelu/slope', 'PReLU', 4)]
    """
    paths = {variable.data: path for path, variable in parameters.items()}
    of_layers: Set[Any] = set()
    for layer in layers(outputs, parameters):
        of_layers.add(layer.weight.data)
        if layer.bias is not None:
            of_layers.add(layer.bias.data)
    known: Set[str] = set(own.values())
    found: OrderedDict[str, LeftRow] = OrderedDict()
    for function in functions(outputs):
        for variable in function.inputs:
            path = paths.get(variable.data)
            if variable.parent is None and path in known and variable.data not in of_layers:
                size = int(variable.size)
                row = LeftRow(shown_name(path), shown_type(function), size, _FLOAT_BYTES * size)
                found.setdefault(path, row)
    return tuple(found.values())


def what_stays(rows: Sequence[Mapping[str, Any]], left: Sequence[LeftRow]) -> List[Dict[str, Any]]:
    """Returns the weights that stay floats, with their share of the bytes of all packed weights.

    Args:
        rows: Rows of layers, as dicts.
        left: Rows of weights that no layer owns.

    Returns:
        Rows with "name", "type", "weights", "bytes" and "share", the largest first; none where no
        layer is quantized.
    """
    if not any(row["quantizer"] for row in rows):
        return []
    total = sum(row["packed_bytes"] for row in rows) + sum(row.bytes for row in left)
    stays = [asdict(row) for row in left]
    stays += [
        {**{key: row[key] for key in ("name", "type", "weights")}, "bytes": row["packed_bytes"]}
        for row in rows
        if not row["quantizer"]
    ]
    for row in stays:
        row["share"] = row["bytes"] / max(total, 1)
    return sorted(stays, key=lambda row: -row["bytes"])
