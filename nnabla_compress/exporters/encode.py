# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Replacing quantizers by what they compute: weights by stored values, activations by functions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Collection, Dict, List, Mapping, Optional, Sequence, Tuple

import nnabla as nn

from nnabla_compress.encodings import Encoding
from nnabla_compress.graph.constants import constant
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.quantizers.base import quantizer_of


@dataclass(frozen=True)
class EncodedGraph:
    """A graph without quantizers.

    Args:
        outputs: Its outputs.
        encodings: How each quantized weight is stored, by the array of its new parameter.
        quantizers: Type names of the weights' quantizers, likewise.
        activations: Number of activation quantizers that were lowered.
    """

    outputs: List[nn.Variable]
    encodings: Dict[Any, Encoding]
    quantizers: Dict[Any, str]
    activations: int


def encode_graph(
    outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable], names: Mapping[Any, str]
) -> EncodedGraph:
    """Builds the graph again with quantized weights as parameters that hold the decoded values.

    Args:
        outputs: Variables of one graph.
        inputs: The network's inputs: a quantizer of one is a quantizer of an activation.
        names: Paths of parameters by their array; a quantized weight keeps the path of its float
            one.

    Returns:
        The new graph and the encodings.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.graph import parameter_names
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
    activations = [0]

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        quantizer = quantizer_of(function)
        if quantizer is None:
            return None
        tensor = function.inputs[0]
        if tensor.parent is not None or tensor in dynamic:
            activations[0] += 1
            return quantizer.lower(function, arguments)
        # Two calls of one parametric function make two nodes for one weight.
        type_name = quantizer.type_name
        key = (type_name, *(variable.data for variable in function.inputs))
        if key not in stored:
            encoding = quantizer.encode(function)
            path = names.get(tensor.data, tensor.name) or f"{type_name}_{len(stored) + 1}/W"
            stored[key] = constant(encoding.decode(), path)
            encodings[stored[key].data] = encoding
            quantizers[stored[key].data] = type_name
        return stored[key]

    made = rebuild(outputs, replace)
    return EncodedGraph(made, encodings, quantizers, activations[0])
