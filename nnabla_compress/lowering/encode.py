# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Replacing quantizers by what they compute: weights by stored values, activations by functions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence, Set, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.encodings import Encoding
from nnabla_compress.graph.clone import Made
from nnabla_compress.graph.constants import constant_in_parts, free_path, shared
from nnabla_compress.graph.rewrite import consumers, functions, leaves, rebuild
from nnabla_compress.lowering.decoded_later import source_of
from nnabla_compress.lowering.moved import moved
from nnabla_compress.lowering.storage.scheme import unfilled
from nnabla_compress.memory import is_large
from nnabla_compress.nnb.sources import Source
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.row_codes import RowCodes
from nnabla_compress.turns import one_at_a_time

_WEIGHTS_STAY = ("Affine", "Convolution")


@dataclass(frozen=True)
class EncodedGraph:
    """A graph without quantizers.

    Args:
        outputs: Its outputs.
        encodings: How each quantized weight is stored, by the array of its new parameter.
        quantizers: What reports call the weights' quantizers, likewise.
        activations: Number of activation quantizers that were lowered.
        tables: Weights of codes of rows, which stay values but for targets that look rows up.
        later: What makes the values of weights that have none in memory, likewise.
    """

    outputs: List[nn.Variable]
    encodings: Dict[Any, Encoding]
    quantizers: Dict[Any, str]
    activations: int
    tables: Dict[Any, RowCodes] = field(default_factory=dict)
    later: Dict[Any, Source] = field(default_factory=dict)


@one_at_a_time
def encode_graph(
    outputs: Sequence[nn.Variable],
    inputs: Collection[nn.Variable],
    names: Mapping[Any, str],
    later: bool = False,
) -> EncodedGraph:
    """Builds the graph again with quantized weights as parameters that hold the decoded values.

    What is transposed, reshaped or cut out of a quantized weight is a quantized weight, too. A
    weight whose values are those that its codes decode to, bit for bit, keeps its array.

    Args:
        outputs: Variables of one graph.
        inputs: The network's inputs: a quantizer of one is a quantizer of an activation.
        names: Paths of parameters by their array; a quantized weight keeps the path of its float
            one.
        later: Whether large weights that one layer reads are parameters without values.

    Returns:
        The new graph and the encodings.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.analysis import parameter_names
        >>> from nnabla_compress.quantizers import LUT
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 8))
        >>> y = PF.affine(x, 4, apply_w=LUT(bits=2), name="fc")
        >>> graph = encode_graph([y], [x], parameter_names([y]))
        >>> [(encoding.bits, encoding.nbytes) for encoding in graph.encodings.values()]
        [(2, 24)]
    """
    dynamic = set(inputs)
    stored: Dict[Tuple[Any, ...], nn.Variable] = {}
    encodings: Dict[Any, Encoding] = {}
    quantizers: Dict[Any, str] = {}
    tables: Dict[Any, RowCodes] = {}
    activations = [0]
    readers = Counter(v.data for function in functions(outputs) for v in function.inputs)
    sources: Dict[Any, Source] = {}
    waiting = _read_by_one_layer(outputs, inputs) if later else set()

    def move(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        """What a function makes of an encoded weight by moving its values is encoded, too."""
        source = arguments[0].data if arguments else None
        made = moved(encodings[source], function) if source in encodings else None
        if made is None:
            return None
        outputs = []
        for number, encoding in enumerate(made):
            key = (source, function.info.type_name, str(function.info.args), number)
            if key not in stored:
                stored[key] = _decoded(encoding, arguments[0].name)
                encodings[stored[key].data] = encoding
                quantizers[stored[key].data] = quantizers[source]
            outputs.append(stored[key])
        return outputs

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[Made]:
        quantizer = quantizer_of(function)
        if quantizer is None:
            return move(function, arguments)
        tensor = function.inputs[0]
        if tensor.parent is not None or tensor in dynamic:
            activations[0] += 1
            return quantizer.lower(function, arguments)
        # Two calls of one parametric function make two nodes for one weight.
        type_name = quantizer.type_name
        key = (type_name, *(variable.data for variable in function.inputs))
        if key not in stored:
            encoding: Any = quantizer.encode(function)  # of single numbers, or of rows
            path = names.get(tensor.data, tensor.name) or f"{type_name}_{len(stored) + 1}/W"
            alone = readers[tensor.data] == 1 and not quantizer.codes_rows
            if alone and encoding.is_of(tensor.d):
                stored[key] = shared(tensor, path)
            elif alone and encoding.kept is None and function.outputs[0] in waiting:
                stored[key] = unfilled(encoding.shape, path, need_grad=True)
                sources[stored[key].data] = source_of(encoding)
            else:
                stored[key] = _decoded(encoding, path)
            if quantizer.codes_rows:
                tables[stored[key].data] = encoding
            else:
                encodings[stored[key].data] = encoding
                quantizers[stored[key].data] = quantizer.label(function.info.args)
        return stored[key]

    if not any(quantizer_of(function) is not None for function in functions(outputs)):
        return EncodedGraph(list(outputs), {}, {}, 0)
    made = rebuild(outputs, replace)
    weights = [leaf for leaf in leaves(made) if leaf.data in encodings]
    _name_apart(weights, set(weights), set(names.values()))
    return EncodedGraph(made, encodings, quantizers, activations[0], tables, sources)


def _read_by_one_layer(
    outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable]
) -> Set[nn.Variable]:
    """Large weights that one layer of moving inputs reads, of a type that keeps its weight.

    Whatever else reads a weight may look at its values.
    """
    moving = set(inputs)
    for function in functions(outputs):
        if not moving.isdisjoint(function.inputs):
            moving.update(function.outputs)
    return {
        variable
        for variable, found in consumers(outputs).items()
        if is_large(variable.size)
        and len(found) == 1
        and found[0] is not None
        and found[0].info.type_name in _WEIGHTS_STAY
        and found[0].inputs[0] in moving
        and found[0].inputs[WEIGHT] == variable
    }


def _decoded(encoding: Any, path: str) -> nn.Variable:
    return constant_in_parts(encoding.shape, encoding.decoded(), path)


def lowered_graph(graph: EncodedGraph, outputs: Sequence[nn.Variable]) -> EncodedGraph:
    """Returns an encoded graph in a lowered form.

    Shared weights may have copies in it, which are encoded, too. What was computed from an encoded
    weight is no copy: it gets a path of its own.

    Args:
        graph: The graph.
        outputs: Its outputs in the lowered form; parameters carry their paths as names.
    """
    encodings, quantizers = dict(graph.encodings), dict(graph.quantizers)
    before = leaves(graph.outputs)
    by_name = {v.name: v.data for v in before if v.data in encodings}
    old, after = {v.data for v in before}, leaves(outputs)
    computed = []
    for leaf in after:
        source = by_name.get(leaf.name)
        if source is None or leaf.data in old:
            continue
        if np.array_equal(encodings[source].decode(), leaf.d):
            encodings[leaf.data], quantizers[leaf.data] = encodings[source], quantizers[source]
        else:
            computed.append(leaf)
    others = set(computed)
    _name_apart([*(leaf for leaf in after if leaf not in others), *computed], others)
    return EncodedGraph(
        list(outputs), encodings, quantizers, graph.activations, graph.tables, graph.later
    )


def _name_apart(
    weights: Sequence[nn.Variable], numbered: Collection[nn.Variable], known: Collection[str] = ()
) -> None:
    """Gives weights paths of their own where others before them have the same.

    Args:
        weights: Parameters of a graph, those first that keep their path.
        numbered: Those of them that may get another one.
        known: Paths that none may get.
    """
    taken: Set[str] = set()
    for weight in weights:
        if weight in numbered and weight.name in taken:
            weight.name = free_path(weight.name, taken.union(known))
        taken.add(weight.name)
