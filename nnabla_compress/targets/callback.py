# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Target ``callback``: weights packed in n bits for the project's C kernels on the stock runtime.

The ``.nnp`` is an ordinary float network. The scale that a batch normalization leaves behind a
quantized layer goes into the weights again: packed weights have a scale for each output map. In the
``.nnb`` weights are codes, and the functions that read them are marked for the C kernels.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, Dict, List, Mapping, Optional, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT, layer_name
from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.c_kernels.order import in_file_order, output_maps
from nnabla_compress.c_kernels.rewrite import PACKED_LAYERS
from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import consumers, functions, rebuild, times_read
from nnabla_compress.lowering.encode import EncodedGraph
from nnabla_compress.lowering.packed_weights import (
    choose_packing,
    is_power_of_two,
    with_form,
)
from nnabla_compress.lowering.row_tables import EMBED, has_row_codes, tables_of_embeds
from nnabla_compress.row_codes import RowCodes
from nnabla_compress.targets.left_over import left_over
from nnabla_compress.targets.runtime import RULES, WAYS_OUT
from nnabla_compress.targets.target import (
    ExportOptions,
    Lowered,
    Rule,
    Target,
    lower_plainly,
    place,
    same_functions,
    unused,
)
from nnabla_compress.transforms.fold import fold_into_layer

_SPATIAL = (1, 2)


class Callback(Target):
    """Packed weights of 1 to 8 bits, decoded by C kernels while they run."""

    name = "callback"
    packs_weights = True
    rules: ClassVar[Mapping[str, Optional[Rule]]] = {**RULES, EMBED: None}  # those with codes
    ways_out = {name: way for name, way in WAYS_OUT.items() if name != "Embed"}

    def looks_up(self, function: Any) -> bool:
        """Returns whether the table of an Embed is one of codes."""
        return has_row_codes(function)

    def lower(
        self, network: Network, folded: Sequence[nn.Variable], options: ExportOptions
    ) -> Lowered:
        """Returns the network with float weights, and how the ``.nnb`` shall pack them."""
        plain = lower_plainly(network, folded)
        tables = tables_of_embeds(plain.plain, plain.outputs)
        _check_embeds(plain, tables)
        packer = Packer(plain)
        outputs = packer.pack(plain.outputs)
        names = {**plain.names, **network.paths_in(outputs)}
        graph = EncodedGraph(
            outputs,
            packer.encodings,
            packer.quantizers,
            plain.plain.activations,
            plain.plain.tables,
        )
        storage = {data: f"packed, {form_of(one)}" for data, one in packer.packed.items()}
        storage.update({data: f"codes of rows, {one.bits}-bit" for data, one in tables.items()})
        return Lowered(
            outputs,
            names,
            graph,
            exact=same_functions(network.all_outputs, outputs),
            storage=storage,
            notes=[*packer.notes, *unused(options, self.name)],
            packed=packer.packed,
            tables=tables,
        )


def _check_embeds(plain: Lowered, tables: Mapping[Any, RowCodes]) -> None:
    for function in functions(plain.outputs):
        if function.info.type_name == EMBED and function.inputs[WEIGHT].data not in tables:
            raise UnsupportedFunctionError(
                "target 'callback' runs Embed with a table of codes only; it stands "
                f"{place(function, plain.names)}.",
                help=WAYS_OUT[EMBED],
            )


class Packer:
    """Packs the weights of one graph.

    Args:
        plain: The graph, its quantized weights as float parameters.
    """

    def __init__(self, plain: Lowered) -> None:
        self.encodings = dict(plain.plain.encodings)
        self.quantizers = dict(plain.plain.quantizers)
        self.packed: Dict[Any, PackedWeights] = {}
        self.notes: List[str] = []
        self._names = plain.names
        self._apart = 0

    def pack(self, outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
        """Builds the graph again with scales folded into packed weights, and packs all weights."""
        self._readers = consumers(outputs)
        self._uses = times_read(outputs)
        self._read_elsewhere = {
            variable.data
            for one in functions(outputs)
            for position, variable in enumerate(one.inputs)
            if position != WEIGHT or one.info.type_name not in PACKED_LAYERS
        }
        made = rebuild(outputs, self._fold)
        reasons: Dict[str, str] = {}
        for function in functions(made):
            if function.info.type_name not in WEIGHTED or function.info.type_name == EMBED:
                continue
            weight = function.inputs[WEIGHT]
            if weight.data in self.packed:
                continue
            packed, reason = self._choose(function, weight)
            if packed is not None:
                self.packed[weight.data] = packed
            else:
                reasons[self._name(function, weight)] = reason
        self.notes = left_over(reasons, "stays with the stock kernels")
        if self._apart:
            self.notes.append(
                f"the scales behind {self._apart} layers are no powers of two, as their weights "
                "are: they stay apart, so that these layers can run without multiplications"
            )
        return made

    def _fold(self, function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        """Returns a layer with the scale behind it taken into its packed weight."""
        if function.info.type_name != "Mul2" or function.inputs[1].parent is not None:
            return None
        layer, scale = arguments[0].parent, arguments[1]
        if (
            layer is None
            or layer.info.type_name not in PACKED_LAYERS
            or self._readers[function.inputs[0]] != [function]
            or scale.data not in self._names
        ):
            return None
        weight = layer.inputs[WEIGHT]
        if weight.data not in self.encodings or self._uses[weight.data] > 1:
            return None
        packed, _ = self._choose(layer, weight)
        if packed is None:
            return self._fold_float(layer, scale, weight)
        factors = np.array(scale.d, np.float32)
        if is_power_of_two(packed.dictionary) and packed.dictionary is not None:
            if is_power_of_two(packed.scales) and not is_power_of_two(factors):
                self._apart += 1
                return None
        y = self._folded(layer, factors)
        maps = maps_of(layer)
        if y is None or factors.size not in (1, int(maps.max()) + 1):
            return None
        before = np.float32(1) if packed.scales is None else packed.scales
        scaled = replace(packed, scales=(before * factors.ravel()).astype(np.float32))
        new = y.parent.inputs[WEIGHT]
        new.d = in_graph_order(layer, scaled.values(maps), new.shape)
        held = in_file_order(layer.info.type_name, np.array(new.d, np.float32))
        found = with_form(held, maps, scaled)
        if found is None:
            return None
        self._take_over(weight, new)
        self.packed[new.data] = found
        return y

    def _fold_float(
        self, layer: Any, scale: nn.Variable, weight: nn.Variable
    ) -> Optional[nn.Variable]:
        y = self._folded(layer, np.array(scale.d, np.float32))
        if y is not None:
            self._take_over(weight, y.parent.inputs[WEIGHT])
        return y

    def _folded(self, layer: Any, factors: np.ndarray) -> Optional[nn.Variable]:
        scale = factors.astype(np.float64)
        return fold_into_layer(layer, scale, np.zeros_like(scale), self._uses, self._names)

    def _take_over(self, old: nn.Variable, new: nn.Variable) -> None:
        for table in (self.encodings, self.quantizers):
            if old.data in table:
                table[new.data] = table.pop(old.data)  # type: ignore[attr-defined]

    def _choose(self, function: Any, weight: nn.Variable) -> Any:
        type_name = function.info.type_name
        complaint = complaint_of(function)
        if complaint is None and weight.data in self._read_elsewhere:
            complaint = "its weight is read by another function"
        if complaint is not None:
            return None, complaint
        encoding = self.encodings.get(weight.data)
        if encoding is not None:
            encoding = _encoding_in_file_order(type_name, encoding)
        values = in_file_order(type_name, np.asarray(weight.d, np.float32))
        packed, reason = choose_packing(values, maps_of(function), encoding)
        if packed is None and weight.data not in self.encodings:
            reason = "its weight is not quantized"
        return packed, reason

    def _name(self, function: Any, weight: nn.Variable) -> str:
        name = self._names.get(weight.data, weight.name)
        return layer_name(name) if name else place(function, self._names)


def complaint_of(function: Any) -> Optional[str]:
    """Returns why the C kernels can't run a layer, None if they can.

    Args:
        function: A layer of a graph.
    """
    type_name, args = function.info.type_name, function.info.args
    if type_name not in PACKED_LAYERS:
        return f"the C kernels have no {type_name}"
    if function.inputs[WEIGHT].parent is not None:
        return "its weight is computed by other functions"
    if type_name == "Affine":
        return None
    if args.get("channel_last"):
        return "its channels are last"
    spatial = function.inputs[0].ndim - int(args["base_axis"]) % function.inputs[0].ndim - 1
    return None if spatial in _SPATIAL else f"it has {spatial} spatial dimensions"


def maps_of(function: Any) -> np.ndarray:
    """Returns the output map of each weight of a layer, in the order of the file.

    Args:
        function: A layer of a graph.
    """
    shape, args = function.inputs[WEIGHT].shape, function.info.args
    return output_maps(function.info.type_name, shape, args.get("group", 1))


def _encoding_in_file_order(type_name: str, encoding: Encoding) -> Encoding:
    return replace(encoding, codes=in_file_order(type_name, encoding.codes))


def in_graph_order(function: Any, held: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Returns what stands in the order of the file as the graph holds it.

    Args:
        function: The layer that reads it.
        held: Values in the order of the file.
        shape: Of the weight in the graph.
    """
    if function.info.type_name == "Affine":
        return np.ascontiguousarray(held.T).reshape(shape)
    return held.reshape(shape)


def form_of(packed: PackedWeights) -> str:
    """Returns how a weight is packed, in words.

    Args:
        packed: The weight.
    """
    levels = "integers" if packed.dictionary is None else "dictionary"
    return f"{packed.bits}-bit {levels}" + (" and scales" if packed.scales is not None else "")
