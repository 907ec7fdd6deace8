# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Putting all free dictionaries of a graph on integer grids."""

from __future__ import annotations

from typing import Any, Dict, List, Optional, Tuple

import nnabla as nn

from nnabla_compress.encodings import Encoding
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.lowering.encode import EncodedGraph
from nnabla_compress.lowering.storage import Snapped, snap_dictionary


def snap_dictionaries(graph: EncodedGraph) -> Tuple[EncodedGraph, List[str]]:
    """Builds a graph again with its free dictionaries on integer grids.

    Args:
        graph: A graph without quantizers.

    Returns:
        The graph with the snapped values, and a sentence that says how far they moved; the graph
        itself and nothing if all dictionaries lie on grids.
    """
    found = [variable for function in functions(graph.outputs) for variable in function.inputs]
    by_array = {v.data: v for v in found if v.data in graph.encodings}
    changed: Dict[Any, Tuple[nn.Variable, Snapped]] = {}
    for data, variable in by_array.items():
        snapped = snap_dictionary(graph.encodings[data])
        if snapped.largest_change > 0:
            values = snapped.encoding.decode()
            changed[data] = (constant(values, variable.name), snapped)
    if not changed:
        return graph, []

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        if not any(argument.data in changed for argument in arguments):
            return None
        return clone(function, [changed[a.data][0] if a.data in changed else a for a in arguments])

    outputs = rebuild(graph.outputs, replace)
    encodings: Dict[Any, Encoding] = {}
    quantizers: Dict[Any, str] = {}
    for data, encoding in graph.encodings.items():
        new, snapped_to = data, encoding
        if data in changed:
            new, snapped_to = changed[data][0].data, changed[data][1].encoding
        encodings[new], quantizers[new] = snapped_to, graph.quantizers[data]
    every = [snapped for _, snapped in changed.values()]
    largest = max(snapped.largest_change for snapped in every)
    rms = max(snapped.root_mean_square_change for snapped in every)
    note = (
        f"{len(every)} dictionaries were put on an integer grid: values moved by at most "
        f"{largest:.2%} of the largest of their dictionary, weights of a layer by at most "
        f"{rms:.2%} (root mean square)"
    )
    return EncodedGraph(outputs, encodings, quantizers, graph.activations), [note]
