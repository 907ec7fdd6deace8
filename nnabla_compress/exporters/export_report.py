# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What an export says about the file that it wrote: bits and bytes of each layer."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Callable, Collection, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.activation_rows import ActivationRow
from nnabla_compress.analysis.entropy_coding import entropy_coded_bytes
from nnabla_compress.analysis.layers import layers
from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.c_kernels.tables import table_bytes
from nnabla_compress.encodings import Encoding
from nnabla_compress.exporters.archive import NamedGraph
from nnabla_compress.exporters.left_rows import LeftRow, left_rows, what_stays
from nnabla_compress.exporters.sizes import FloatSizes
from nnabla_compress.graph.rewrite import leaves
from nnabla_compress.kernels.distinct import count_distinct
from nnabla_compress.lowering.encode import EncodedGraph
from nnabla_compress.lowering.packed_weights import packed_bytes
from nnabla_compress.lowering.storage import weight_path
from nnabla_compress.lowering.storage.nnb_bytes import parameter_bytes
from nnabla_compress.nnb.content import blocks
from nnabla_compress.row_codes import RowCodes

_FLOAT_BITS = 32
_WIDEST = 2  # bytes of a code
_FEW = 1 << 16  # values that are sorted
_MOST = 1 << 24  # codes in a table of those that occur


@dataclass(frozen=True)
class LayerRow:
    """One weight of the exported network.

    Args:
        name: The layer.
        type: Type of its function.
        shape: Shape of the weight.
        weights: Number of weights.
        distinct: Number of distinct values among them.
        bits: Bits of a packed code; 32 for a float weight.
        quantizer: Type name of its quantizer, "" for a float weight.
        storage: Name of the scheme by which the file stores it, "float" for decoded values.
        packed_bytes: Bytes of the packed codes with their table; 4 for each float weight.
        float_bytes: 4 bytes for each weight.
        stored_bytes: Bytes that the values of its parameters take in an ``.nnb``.
        entropy_coded_bytes: Bytes that entropy coding would make of its codes; as ``packed_bytes``
            for a float weight. No file is stored so.
    """

    name: str
    type: str
    shape: Tuple[int, ...]
    weights: int
    distinct: int
    bits: int
    quantizer: str
    storage: str
    packed_bytes: int
    float_bytes: int
    stored_bytes: int
    entropy_coded_bytes: int

    @property
    def stored_bits(self) -> float:
        """Bits of a weight in an ``.nnb``, functions that decode it not counted."""
        return 8 * self.stored_bytes / max(self.weights, 1)


@dataclass(frozen=True)
class ExportReport:
    """What was exported.

    Args:
        path: The file.
        target: What it is for.
        rows: A row for each weight, in the order of execution.
        other_bytes: Bytes of all other parameters, such as biases and scales, as floats.
        file_bytes: Size of the file.
        exact: Whether nothing was folded or rewritten that changes the order of additions.
        largest_difference: Between the outputs of the network and of the file on random inputs.
        tolerance: What the difference had to stay below.
        any_batch_size: Whether the file can be loaded with any batch size.
        activations: A row for each activation, in the order of execution.
        notes: What a user should know about the file, a sentence each.
        float_sizes: What the network takes on the C runtime in float.
        left: A row for each weight that no layer owns.
        api: API level of the C runtime that the file is for.
    """

    path: Path
    target: str
    rows: Tuple[LayerRow, ...]
    other_bytes: int
    file_bytes: int
    exact: bool
    largest_difference: float
    tolerance: float
    any_batch_size: bool
    activations: Tuple[ActivationRow, ...] = ()
    notes: Tuple[str, ...] = ()
    float_sizes: Optional[FloatSizes] = None
    left: Tuple[LeftRow, ...] = ()
    api: int = 44

    @property
    def float_bytes(self) -> int:
        """Bytes of all weights as floats, of those that no layer owns, too."""
        return sum(row.float_bytes for row in self.rows) + sum(row.bytes for row in self.left)

    @property
    def packed_bytes(self) -> int:
        """Bytes of all weights packed; those that no layer owns stay floats."""
        return sum(row.packed_bytes for row in self.rows) + sum(row.bytes for row in self.left)

    @property
    def entropy_coded_bytes(self) -> int:
        """Bytes of all weights if their codes were entropy-coded, as information."""
        coded = sum(row.entropy_coded_bytes for row in self.rows)
        return coded + sum(row.bytes for row in self.left)

    def what_stays(self) -> List[Dict[str, Any]]:
        """Returns the weights that stay floats, with their share of all packed bytes.

        None where no layer is quantized.
        """
        return what_stays(self.rows_as_dicts(), self.left)

    def rows_as_dicts(self) -> List[Dict[str, Any]]:
        """Returns the rows as plain dicts, as JSON takes them."""
        return [dict(asdict(row), shape=list(row.shape)) for row in self.rows]

    def as_dict(self) -> Dict[str, Any]:
        """Returns the whole report as a plain dict, as JSON takes it."""
        return {
            "target": self.target,
            "layers": self.rows_as_dicts(),
            "left": [asdict(row) for row in self.left],
            "activations": [row.as_dict() for row in self.activations],
            "float_bytes": self.float_bytes,
            "packed_bytes": self.packed_bytes,
            "entropy_coded_bytes": self.entropy_coded_bytes,
            "other_bytes": self.other_bytes,
            "exact": self.exact,
            "largest_difference": self.largest_difference,
            "tolerance": self.tolerance,
            "any_batch_size": self.any_batch_size,
            "notes": list(self.notes),
            "float_sizes": None if self.float_sizes is None else asdict(self.float_sizes),
        }


def layer_rows(
    graph: EncodedGraph,
    names: Mapping[Any, str],
    storage: Mapping[Any, str],
    stored: NamedGraph,
    packed: Mapping[Any, PackedWeights],
    tables: Mapping[Any, RowCodes],
    gone: Collection[Any] = (),
) -> Tuple[LayerRow, ...]:
    """Returns a row for each weight of a graph without quantizers.

    A weight that several functions read has one, also where the target needs a copy for each: an
    ``.nnb`` holds equal parameters once.

    Args:
        graph: The graph, with each weight as one parameter.
        names: Paths of its parameters by their array.
        storage: Names of the schemes by which weights are stored, by the array of the parameter.
        stored: The graph that is written.
        packed: Weights that only the ``.nnb`` packs, by the array of the parameter.
        tables: Tables of Embeds that only the ``.nnb`` holds as codes, likewise.
        gone: Arrays of encoded weights that hold no values any more.
    """
    rows = []
    found = _stored_bytes(stored)
    listed: Dict[str, List[np.ndarray]] = {}
    all_layers = layers(graph.outputs, _parameters(graph.outputs, names))
    named = Counter(layer.name for layer in all_layers)
    for layer in all_layers:
        encoding = graph.encodings.get(layer.weight.data)
        values = partial(_values, layer.weight, encoding if layer.weight.data in gone else None)
        if layer.shared:
            continue
        if named[layer.name] > 1:
            alike, own = listed.setdefault(layer.name, []), values()
            if any(_same_bits(own, other) for other in alike):
                continue
            alike.append(own)
        size = int(layer.weight.size)
        table = tables.get(layer.weight.data)
        codes = table if table is not None else encoding
        rows.append(
            LayerRow(
                name=layer.name,
                type=layer.type,
                shape=layer.shape,
                weights=size,
                distinct=_distinct(values, encoding),
                bits=_FLOAT_BITS if codes is None else codes.bits,
                quantizer=graph.quantizers.get(layer.weight.data, ""),
                storage=storage.get(layer.weight.data, "float"),
                packed_bytes=4 * size if codes is None else codes.nbytes,
                entropy_coded_bytes=_entropy_coded(codes, encoding, size),
                float_bytes=4 * size,
                stored_bytes=(
                    len(table_bytes(table))
                    if table is not None
                    else packed_bytes(packed[layer.weight.data])
                    if layer.weight.data in packed
                    else found.get(layer.weight_name, 4 * size)
                ),
            )
        )
    return tuple(rows)


def _entropy_coded(
    codes: Union[RowCodes, Encoding, None], encoding: Optional[Encoding], size: int
) -> int:
    if encoding is not None:
        return entropy_coded_bytes(encoding)
    return 4 * size if codes is None else codes.nbytes


def _values(weight: nn.Variable, encoding: Optional[Encoding]) -> np.ndarray:
    """What a weight holds: its parameter, or codes where this is empty."""
    return weight.d if encoding is None else encoding.decode()


def _same_bits(values: np.ndarray, others: np.ndarray) -> bool:
    return values.nbytes == others.nbytes and bool(
        np.array_equal(values.reshape(-1).view(np.uint8), others.reshape(-1).view(np.uint8))
    )


def _distinct(values_of: Callable[[], np.ndarray], encoding: Optional[Encoding]) -> int:
    """The number of distinct values; large tensors are not copied."""
    used = None if encoding is None or encoding.kept is not None else _used(encoding)
    if used is not None:
        return len(np.unique(used))
    values = values_of()
    if values.dtype != np.float32 or values.size <= _FEW:
        return len(np.unique(values))
    return count_distinct(np.ravel(values))


def _used(encoding: Encoding) -> Optional[np.ndarray]:
    """What the codes that occur stand for; None if they are too wide for a table."""
    codes, axis = encoding.codes, encoding.axis
    kind = np.dtype(f"u{codes.dtype.itemsize}")
    places = 1 if axis is None else codes.shape[axis]
    if kind.itemsize > _WIDEST or places << 8 * kind.itemsize > _MOST:
        return None
    occurs = np.zeros((places, 1 << 8 * kind.itemsize), bool)
    rows = np.arange(places).reshape([-1 if n == axis else 1 for n in range(codes.ndim)])
    row_of = np.broadcast_to(rows, codes.shape)
    for block in blocks(codes.shape):
        occurs[row_of[block], codes[block].astype(kind)] = True
    used = np.flatnonzero(occurs.any(axis=0))
    table = np.broadcast_to(used.astype(kind).view(codes.dtype), (places, len(used)))
    by_row = replace(encoding, codes=table, axis=None if axis is None else 0)
    return by_row.decode()[occurs[:, used]]


def _stored_bytes(graph: NamedGraph) -> Dict[str, int]:
    """Returns the bytes of the parameters of each weight in an ``.nnb``, by path of the weight."""
    found: Dict[str, int] = {}
    for name, parameter in graph.parameters.items():
        path = weight_path(name)
        types = {parameter: graph.types[name]} if name in graph.types else {}
        found[path] = found.get(path, 0) + parameter_bytes(parameter, types)
    return found


def other_rows(
    outputs: Sequence[nn.Variable], names: Mapping[Any, str], own: Mapping[Any, str]
) -> Tuple[Tuple[LeftRow, ...], int]:
    """Returns the weights that no layer owns, and the bytes of all other parameters, as floats.

    Args:
        outputs: Variables of one graph, with each weight as one parameter.
        names: Paths of its parameters by their array.
        own: Paths of the network's own parameters, before the export added any, likewise.
    """
    parameters = _parameters(outputs, names)
    weights = {layer.weight.data for layer in layers(outputs, parameters)}
    others = {p.data: p.size for p in parameters.values() if p.data not in weights}
    left = left_rows(outputs, parameters, own)
    return left, 4 * int(sum(others.values())) - sum(row.bytes for row in left)


def _parameters(outputs: Sequence[nn.Variable], names: Mapping[Any, str]) -> Dict[str, nn.Variable]:
    return {names[leaf.data]: leaf for leaf in leaves(outputs) if leaf.data in names}
