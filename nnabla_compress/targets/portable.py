# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Target ``portable``: the same values in NNabla, in Neural Network Console, on the C runtime."""

from __future__ import annotations

from functools import partial
from typing import Any, Dict, List, Mapping, Optional, Sequence

import nnabla as nn

from nnabla_compress.graph.network import Network
from nnabla_compress.lowering.encode import EncodedGraph, encode_graph, lowered_graph
from nnabla_compress.lowering.native import fold_constants, lower_functions
from nnabla_compress.lowering.snap import snap_dictionaries
from nnabla_compress.lowering.storage import FLOAT, SMALLEST
from nnabla_compress.lowering.store import WeightStore
from nnabla_compress.lowering.weigh import PREFERENCES, Built, smaller, weighed
from nnabla_compress.targets.runtime import RULES, WAYS_OUT
from nnabla_compress.targets.target import (
    ExportOptions,
    Lowered,
    Target,
    same_functions,
)

_TOO_SMALL = (
    "weights are stored as floats: there are so few that codes and the functions that decode them "
    "would make a larger file"
)


class Portable(Target):
    """Native functions in float, with weights decoded in the graph from the codes stored."""

    name = "portable"
    rules = RULES
    ways_out = WAYS_OUT
    chooses_storage = True

    def lower(
        self, network: Network, folded: Sequence[nn.Variable], options: ExportOptions
    ) -> Lowered:
        """Returns the network from native functions, its weights stored as ``options`` say."""
        inputs, start = network.all_inputs, network.all_outputs
        names = network.paths_in(folded)
        encoded = encode_graph(folded, inputs, names, later=not options.snap_dictionary)
        names.update(network.paths_in(encoded.outputs))
        plain = _folded(encoded, inputs, names)
        reference = None
        notes: List[str] = []
        if options.snap_dictionary:
            snapped, notes = snap_dictionaries(encoded)
            if notes:
                reference = lower_functions(plain.outputs, inputs)
                names.update(network.paths_in(reference))
                plain = _folded(snapped, inputs, names)
        names.update(network.paths_in(plain.outputs))
        in_order = lower_functions(plain.outputs, inputs)
        store = WeightStore(plain.encodings, options.storage, later=plain.later)

        def build(storage: str, room: Optional[Mapping[Any, Optional[int]]] = None) -> Built:
            chosen = store.again(storage, room)
            outputs = lower_functions(chosen.turn_affines(plain.outputs), inputs)
            if options.storage == SMALLEST:  # who asks for floats wants them as they decode
                outputs = chosen.fold_into_floats(outputs, names)
            outputs = chosen.decode(outputs)
            return Built(outputs, chosen.types, chosen, chosen.deferred.codes)

        build_asked = partial(build, options.storage)
        if options.storage == SMALLEST or options.prefer != PREFERENCES[0]:
            built = weighed(build_asked, in_order, inputs, options.prefer)
        else:
            built = build_asked(None)
        if options.storage == SMALLEST and built.made.schemes:
            coded, built = built, smaller(built, build(FLOAT), inputs)
            notes += [_TOO_SMALL] if built is not coded else []
        store, outputs = built.made, list(built.outputs)
        names.update(network.paths_in(outputs))
        return Lowered(
            outputs,
            names,
            plain,
            exact=store.exact and same_functions(start, in_order),
            types=store.types,
            storage=store.schemes,
            notes=[*notes, *store.notes, *_without_effect(plain, options)],
            reference=reference,
            deferred=store.deferred,
        )


def _without_effect(plain: EncodedGraph, options: ExportOptions) -> List[str]:
    if plain.encodings or options.storage == ExportOptions.storage and not options.snap_dictionary:
        return []
    return [
        "storage and snap_dictionary have no effect: the network has no quantized weights; "
        "'ptq' or 'compress' quantizes them"
    ]


def _folded(
    encoded: EncodedGraph, inputs: Sequence[nn.Variable], names: Dict[Any, str]
) -> EncodedGraph:
    return lowered_graph(encoded, fold_constants(encoded.outputs, inputs, names))
