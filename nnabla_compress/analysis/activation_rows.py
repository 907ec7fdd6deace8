# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the activations of a network take at the bits of their quantizers, one row a map."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Dict, List, Sequence, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.feature_maps import activations
from nnabla_compress.analysis.layers import layers
from nnabla_compress.analysis.recognize import recognize
from nnabla_compress.analysis.stored_encodings import (
    FLOAT_BITS,
    StoredEncoding,
    encoding_of_chain,
    encoding_of_node,
)
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.quantizers.base import quantizer_of, shown_type


@dataclass(frozen=True)
class ActivationRow:
    """The output of an activation function, or another tensor that is quantized.

    Args:
        name: The last layer before it and its type, e.g. ``"conv1/conv/relu"``; ``"input"`` for a
            quantized input.
        type: Type of the function that computes it, "" for an input.
        shape: Shape for one sample.
        encoding: How it is encoded.
        bytes: Bytes of one sample at its bits.
    """

    name: str
    type: str
    shape: Tuple[int, ...]
    encoding: StoredEncoding
    bytes: int

    def as_dict(self) -> Dict[str, Any]:
        """Returns the row as a plain dict, as JSON takes it."""
        return {
            "name": self.name,
            "type": self.type,
            "shape": list(self.shape),
            **asdict(self.encoding),
            "bytes": self.bytes,
        }


def activation_rows(
    outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable] = ()
) -> Tuple[ActivationRow, ...]:
    """Returns a row for each activation of a graph, in the order of execution.

    Args:
        outputs: Variables of one graph; of a file, as
            :func:`~nnabla_compress.analysis.recognize.with_nodes` gives it.
        inputs: The network's inputs: a quantizer of one is a quantizer of an activation.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> from nnabla_compress.quantizers import Uniform
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.affine(nn.Variable((1, 8)), 4, name="fc"))
        >>> row, = activation_rows([Uniform(4, signed=False, initial_step=0.5)(h)])
        >>> row.name, str(row.encoding), row.bytes
        ('fc/affine/relu', 'Uniform 4 bit', 2)
    """
    behind: Dict[nn.Variable, List[Tuple[str, StoredEncoding]]] = {}
    for function in functions(outputs):
        if quantizer_of(function) is not None:
            name = str(function.info.args.get("name", ""))
            found = (function.inputs[0], (name, encoding_of_node(function)))
        else:
            chain = recognize(function)
            if chain is None:
                continue
            found = (chain.tensor, ("", encoding_of_chain(chain)))
        behind.setdefault(found[0], []).append(found[1])
    names = {layer.function: layer.name for layer in layers(outputs)}
    known = {found.variable: found.name for found in activations(outputs)}
    rows = [
        _row(name or "input", "", tensor, encoding)
        for tensor in inputs
        for name, encoding in behind.get(tensor, ())
    ]
    last = "input"
    for function in functions(outputs):
        last, type_name = names.get(function, last), shown_type(function)
        for tensor in function.outputs:
            nearest = known.get(tensor, f"{last}/{type_name.lower()}")
            for name, encoding in behind.get(tensor, ()):
                rows.append(_row(known.get(tensor) or name or nearest, type_name, tensor, encoding))
            if tensor in known and tensor not in behind:
                rows.append(_row(nearest, type_name, tensor, StoredEncoding()))
    return tuple(rows)


def _row(name: str, kind: str, tensor: nn.Variable, encoding: StoredEncoding) -> ActivationRow:
    shape = tuple(tensor.shape[1:])
    size = int(np.prod(shape, dtype=np.int64))
    bits = encoding.bits if encoding.bits is not None else FLOAT_BITS
    return ActivationRow(name, kind, shape, encoding, int(-(-size * bits // 8)))
