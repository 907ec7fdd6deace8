# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Target ``integer``: layers add whole numbers: NNabla and the C runtime compute the same values.

Activations travel as codes between layers. A layer is a convolution of codes, a multiplication by
the scales of its weight and its input, and an addition of the bias; then follow the network's own
functions. Each sum stays below 2**24, where float32 is exact in any order.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Dict, List, Mapping, Optional, Sequence

import nnabla as nn

from nnabla_compress.analysis.exactness import Exactness
from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.graph.network import Network
from nnabla_compress.lowering.encode import EncodedGraph, encode_graph, lowered_graph
from nnabla_compress.lowering.integer import IntegerGraph, IntegerWeight, integer_weight
from nnabla_compress.lowering.integer.input_rounding import InputRounding
from nnabla_compress.lowering.native import fold_constants, lower_functions
from nnabla_compress.lowering.snap import snap_dictionaries
from nnabla_compress.lowering.storage import FLOAT, SMALLEST, StorageChoices, choices, choose
from nnabla_compress.lowering.storage.scheme import unfilled
from nnabla_compress.lowering.store import store_weights
from nnabla_compress.lowering.weigh import PREFERENCES, Built, weighed
from nnabla_compress.memory import give_back
from nnabla_compress.targets.runtime import RULES, WAYS_OUT
from nnabla_compress.targets.target import (
    ExportOptions,
    Lowered,
    Target,
    place,
)

EXACT_NOTE = "all layers add whole numbers: NNabla and the C runtime compute the same values"


class Integer(Target):
    """Convolutions of integer codes, exact in float32."""

    name = "integer"
    rules = RULES
    ways_out = WAYS_OUT
    chooses_storage = True

    def lower(
        self, network: Network, folded: Sequence[nn.Variable], options: ExportOptions
    ) -> Lowered:
        """Returns the network with layers on codes; notes say what still adds floats.

        What enters the first layer has no quantizer in most networks. If there are samples it is
        rounded to the finest power of two that leaves the layer's sums exact.
        """
        inputs = network.all_inputs
        names = network.paths_in(folded)
        encoded = encode_graph(folded, inputs, names)
        names.update(network.paths_in(encoded.outputs))
        reference = None
        notes: List[str] = []
        if options.snap_dictionary:
            snapped, notes = snap_dictionaries(encoded)
            if notes:
                reference = _native(encoded, inputs, names).outputs
                names.update(network.paths_in(reference))
                encoded = snapped
        plain = _native(encoded, inputs, names)
        names.update(network.paths_in(plain.outputs))
        encodings = plain.encodings
        weights = {data: integer_weight(encoding) for data, encoding in encodings.items()}
        every: Dict[Any, StorageChoices] = {}
        floats: Dict[Any, nn.Variable] = {}
        first = InputRounding(network.inputs, options.samples, self.name, plain.outputs)
        give_back()

        def build(room: Optional[Mapping[Any, Optional[int]]]) -> Built:
            store = _IntegerStore(names, options.storage, room, every, floats)
            rounding = first.again()
            graph = IntegerGraph(inputs, weights, names, store, rounding, store.deferred)
            outputs = graph.build(plain.outputs)
            if graph.reasons:
                rest = store_weights(outputs, encodings, store.fallback, names, room)
                outputs = rest.outputs
                store.deferred.update(rest.deferred)
                store.types.update(rest.types)
                store.schemes.update(rest.schemes)
            made = store, rounding, graph
            return Built(outputs, store.types, made, store.deferred.codes)

        if options.storage == SMALLEST or options.prefer != PREFERENCES[0]:
            built = weighed(build, plain.outputs, inputs, options.prefer)
        else:
            built = build(None)
        store, rounding, graph = built.made
        outputs = list(built.outputs)
        names.update(network.paths_in(outputs))
        return Lowered(
            outputs,
            names,
            replace(plain, activations=plain.activations + len(rounding.notes)),
            exact=False,
            types=store.types,
            storage=store.schemes,
            notes=[
                *notes,
                *rounding.notes,
                *_notes(outputs, inputs, names, graph.reasons, store.deferred),
            ],
            reference=reference,
            deferred=store.deferred,
        )


class _IntegerStore:
    """Decodes weights to whole numbers in the graph.

    Args:
        names: Paths of parameters by their array.
        storage: Name of a scheme, ``"smallest"`` or ``"float"``.
        room: Bytes of memory that decoding a weight may take, by its array; None for any.
        every: All ways to store a weight, kept from one store to the next.
        floats: Weights whose numbers are stored as floats, likewise.
    """

    def __init__(
        self,
        names: Mapping[Any, str],
        storage: str,
        room: Optional[Mapping[Any, Optional[int]]],
        every: Dict[Any, StorageChoices],
        floats: Dict[Any, nn.Variable],
    ) -> None:
        self.types: Dict[nn.Variable, str] = {}
        self.schemes: Dict[Any, str] = {}
        self.deferred = Deferred()
        # A weight that a named scheme can't hold is stored by the smallest one that can.
        self.fallback = storage if storage == FLOAT else SMALLEST
        self._names, self._storage = names, storage
        self._room, self._every, self._floats = room or {}, every, floats

    def __call__(self, weight: nn.Variable, numbers: IntegerWeight) -> nn.Variable:
        """Returns the numbers of a weight."""
        path = self._names.get(weight.data, weight.name)
        key = (weight.data, numbers.tensor.shape)
        if key not in self._every:
            whole = numbers.tensor.scale is not None
            self._every[key] = choices(numbers.tensor, path, integers=whole)
        most = self._room.get(weight.data)
        stored, reason = choose(self._every[key], self._storage, most)
        if stored is None and reason:
            stored, _ = choose(self._every[key], self.fallback, most)
        if stored is None or not stored.exact:
            if key not in self._floats:
                self._floats[key] = unfilled(numbers.tensor.shape, path)
            self.deferred.codes[self._floats[key].data] = numbers.source
            return self._floats[key]
        self.types.update(stored.types)
        self.deferred.update(stored.deferred)
        self.schemes[weight.data] = stored.scheme
        return stored.variable


def _native(
    encoded: EncodedGraph, inputs: Sequence[nn.Variable], names: Dict[Any, str]
) -> EncodedGraph:
    outputs = lower_functions(fold_constants(encoded.outputs, inputs, names), inputs)
    return lowered_graph(encoded, outputs)


def _notes(
    outputs: Sequence[nn.Variable],
    inputs: Sequence[nn.Variable],
    names: Mapping[Any, str],
    reasons: Mapping[str, str],
    deferred: Deferred,
) -> List[str]:
    """Says what NNabla and the C runtime may compute differently, mostly in the last bits."""
    notes = [f"layer {name} adds floats: {reason}" for name, reason in reasons.items()]
    for found in Exactness(inputs, deferred).inexact(outputs):
        type_name = found.function.info.type_name
        if type_name not in WEIGHTED:
            notes.append(f"{type_name} {place(found.function, names)}: {found.reason}")
    return notes or [EXACT_NOTE]
