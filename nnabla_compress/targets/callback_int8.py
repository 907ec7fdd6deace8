# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Target ``callback-int8``: packed weights, and all that flows between layers in int8.

Feature maps are integers of 8 bits times powers of two, whose fraction bits are chosen from
samples. Layers are the project's C kernels: they sum products of integers exactly, and round each
sum to the format of the output by the scale of its map, the same on every processor. What is
between layers is left to the runtime's own integer kernels.
"""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.c_kernels.int8 import int8_weights
from nnabla_compress.c_kernels.layout import FLOAT_BITS, PackedWeights
from nnabla_compress.c_kernels.order import in_file_order
from nnabla_compress.encodings import Encoding
from nnabla_compress.function_types import LAYERS
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.rewrite import functions, leaves, rebuild
from nnabla_compress.lowering.encode import EncodedGraph
from nnabla_compress.lowering.fixed_point.calibration import Calibration, calibrate
from nnabla_compress.lowering.fixed_point.clipping import clip_activations
from nnabla_compress.lowering.fixed_point.evaluate import Feed, copy_of
from nnabla_compress.lowering.fixed_point.graph import FixedPointGraph, integer_graph
from nnabla_compress.lowering.fixed_point.positions import fraction_bits
from nnabla_compress.lowering.fixed_point.rounding import parameter_codes, rounded_network
from nnabla_compress.lowering.fixed_point.vanishing import vanishing
from nnabla_compress.lowering.packed_weights import choose_packing
from nnabla_compress.targets.callback import (
    Packer,
    complaint_of,
    form_of,
    in_graph_order,
    maps_of,
)
from nnabla_compress.targets.fixed_point import CALIBRATION_ROWS, ROWS_AT_ONCE, Int8
from nnabla_compress.targets.target import ExportOptions, Lowered, lower_plainly, unused

_WITH_FLOATS = "use target 'callback', whose feature maps are floats"


class CallbackInt8(Int8):
    """Packed weights of 1 to 8 bits, and int8 between the layers."""

    name = "callback-int8"
    packs_weights = True
    way_out_of_rounding = f"{_WITH_FLOATS}; or give samples as the network takes them, preprocessed"

    def lower(
        self, network: Network, folded: Sequence[nn.Variable], options: ExportOptions
    ) -> Lowered:
        """Returns the network with weights as the kernels hold them, and types of its variables.

        Raises:
            ConfigError: If there are no samples to choose number formats from.
            ExportError: If values are too large for the integers.
        """
        inputs = network.all_inputs
        clipped, quantizers = clip_activations(folded, inputs)
        plain = lower_plainly(network, clipped)
        reference = lower_plainly(network, folded) if quantizers else plain
        self.check(plain.outputs, plain.names)
        batches = list(self._feeds(network, plain.outputs, options, CALIBRATION_ROWS, ROWS_AT_ONCE))
        packer = Packer(plain)
        outputs = packer.pack(plain.outputs)
        names = {**plain.names, **reference.names, **network.paths_in(outputs)}
        outputs, graph, calibration = self._within_range(network, outputs, batches, names)
        positions = fraction_bits(graph, calibration.spreads, self.bits, names)
        vanished = vanishing(graph, calibration.spreads, positions, names)
        codes = parameter_codes(graph, inputs, positions, self.bits)
        rounded = rounded_network(graph, positions, codes, self.bits, names)
        weights = _Weights(packer, names)
        made = rebuild(rounded.outputs, weights.rounded)
        types = _moved(rounded.types, rounded.outputs, made)
        names.update(network.paths_in(made))
        used = {v.data for v in leaves(made)}
        return Lowered(
            made,
            names,
            EncodedGraph(
                made,
                {data: one for data, one in weights.encodings.items() if data in used},
                {data: one for data, one in weights.quantizers.items() if data in used},
                reference.plain.activations,
            ),
            exact=False,
            types=types,
            storage={data: f"packed, {form_of(one)}" for data, one in weights.packed.items()},
            notes=[*vanished, *weights.notes, *unused(options, self.name)],
            way_out_of_rounding=_WITH_FLOATS if vanished else self.way_out_of_rounding,
            reference=reference.outputs if quantizers else graph.outputs,
            packed=weights.packed,
        )

    def _calibrated(
        self,
        network: Network,
        outputs: Sequence[nn.Variable],
        floats: Sequence[nn.Variable],
        batches: Sequence[Feed],
        names: Dict[Any, str],
        rows: Optional[Sequence[np.ndarray]],
    ) -> Tuple[FixedPointGraph, Calibration]:
        graph = integer_graph(outputs, network.all_inputs, floats, names, _is_packed)
        names.update(network.paths_in(graph.outputs))
        return graph, calibrate(graph, batches, self.bits, rows=rows)


def _is_packed(function: Any) -> bool:
    return complaint_of(function) is None


class _Weights:
    """Rounds the weights of layers to what the kernels hold.

    Args:
        packer: How weights are packed.
        names: Paths of parameters by their array.
    """

    def __init__(self, packer: Packer, names: Dict[Any, str]) -> None:
        self.packed: Dict[Any, PackedWeights] = {}
        self.encodings: Dict[Any, Encoding] = dict(packer.encodings)
        self.quantizers: Dict[Any, str] = dict(packer.quantizers)
        self._packer, self._names = packer, names
        self._made: Dict[Any, nn.Variable] = {}
        self._in_8_bits: List[str] = []

    @property
    def notes(self) -> List[str]:
        """What a user should know of them."""
        if not self._in_8_bits:
            return []
        return [f"{', '.join(self._in_8_bits)}: not quantized, stored in 8 bits"]

    def rounded(self, function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        """Returns what a function gives with its weight rounded."""
        if function.info.type_name in LAYERS and _is_packed(function):
            weight = arguments[WEIGHT]
            if weight.data not in self._made:
                self._made[weight.data] = self._round(function, weight)
            arguments[WEIGHT] = self._made[weight.data]
        made = copy_of(function, arguments)
        for old, new in zip(function.outputs, made):
            new.name = old.name
        return made

    def _round(self, function: Any, weight: nn.Variable) -> nn.Variable:
        type_name, maps = function.info.type_name, maps_of(function)
        held = in_file_order(type_name, np.asarray(weight.d, np.float32))
        packed = self._packer.packed.get(weight.data) or choose_packing(held, maps).packed
        path = self._names.get(weight.data, weight.name)
        before = packed or PackedWeights(held, FLOAT_BITS)
        found = int8_weights(before, maps)
        values = in_graph_order(function, found.values(maps), weight.shape)
        made = constant(np.ascontiguousarray(values, np.float32), path)
        self.packed[made.data] = found
        if weight.data in self.encodings:
            self.encodings[made.data] = self.encodings[weight.data]
            self.quantizers[made.data] = self.quantizers.get(weight.data, "")
        else:
            encoding = _encoding(function, found)
            if packed is None:
                self._in_8_bits.append(path)
            if encoding is not None:
                self.encodings[made.data] = encoding
                self.quantizers[made.data] = self.quantizers.get(weight.data, "Int8")
        return made


def _encoding(function: Any, packed: PackedWeights) -> Optional[Encoding]:
    """How a weight is encoded in the order of the graph; None if no encoding says it."""
    codes = np.asarray(packed.codes, np.int16)
    shape = function.inputs[WEIGHT].shape
    type_name = function.info.type_name
    scales = np.ones(1, np.float32) if packed.scales is None else packed.scales
    if packed.dictionary is not None:
        if packed.dictionary.ndim > 1 or scales.size > 1:
            return None
        dictionary = (packed.dictionary * scales[0]).astype(np.float32)
        return Encoding(in_graph_order(function, codes, shape), packed.bits, dictionary=dictionary)
    codes = in_graph_order(function, codes, shape)
    if scales.size == 1:
        scale = np.array(scales[0], np.float32)
        return Encoding(codes, packed.bits, scale=scale, zero_point=packed.zero_point)
    axis = 1 if type_name == "Affine" else 0
    if type_name == "Deconvolution" or shape[axis] != scales.size:
        return None
    return Encoding(codes, packed.bits, scale=scales, zero_point=packed.zero_point, axis=axis)


def _moved(
    types: Dict[nn.Variable, str], old: Sequence[nn.Variable], new: Sequence[nn.Variable]
) -> Dict[nn.Variable, str]:
    """Types of variables for the same graph built again."""
    found = dict(types)
    for before, after in zip(functions(old), functions(new)):
        for first, second in zip(before.outputs, after.outputs):
            if first in types:
                found[second] = types[first]
    return found
