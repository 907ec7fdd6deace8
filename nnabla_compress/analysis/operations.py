# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Operations and parameters of a network up to each of its exits.

They are counted as the authors of RANet do (arXiv:2003.07326): one operation for each
multiplication of a layer and each bias of an Affine, one for each value of an activation function,
and as many for a pooled value as it is computed from. Normalizations, biases of convolutions and
changes of size count nothing. What several exits need is computed, and counted, once.
"""

from __future__ import annotations

from typing import Any, List, Mapping, NamedTuple, Optional, Sequence, Set

import nnabla as nn
import numpy as np

from nnabla_compress.analysis.layers import layers
from nnabla_compress.function_types import ACTIVATIONS
from nnabla_compress.graph.inputs import inputs_of
from nnabla_compress.graph.rewrite import depending, functions
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.turns import one_at_a_time

_POOLING = ("MaxPooling", "AveragePooling", "SumPooling")
_STATISTICS = {"BatchNormalization": 3}  # the input from which on they are no parameters
_BIAS = 2


class ExitCosts(NamedTuple):
    """What it takes to compute a network up to one of its outputs, all before it included.

    Args:
        operations: For one sample.
        parameters: Those that are learned, each once; quantizers' own are left out.
    """

    operations: int
    parameters: int


@one_at_a_time
def exit_costs(
    outputs: Sequence[nn.Variable],
    parameters: Optional[Mapping[str, nn.Variable]] = None,
    inputs: Optional[Sequence[nn.Variable]] = None,
) -> List[ExitCosts]:
    """Returns what a network costs up to each of its outputs.

    Args:
        outputs: Variables of one graph, in the order in which they are computed.
        parameters: Parameters by path; by default those of the current parameter scope.
        inputs: The network's inputs; by default the leaves of the graph that are no parameter.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> h = F.relu(PF.affine(nn.Variable((1, 100)), 50, name="a"))
        >>> [tuple(each) for each in exit_costs([h, PF.affine(h, 10, name="b")])]
        [(5100, 5050), (5610, 5560)]
    """
    if parameters is None:
        parameters = nn.get_parameters(grad_only=False)
    if inputs is None:
        inputs = inputs_of(outputs, parameters)
    computed = depending(outputs, inputs)
    macs = {layer.function: layer.macs for layer in layers(outputs, parameters)}
    rows = inputs[0].shape[0] if inputs and inputs[0].ndim else 1
    known: Set[Any] = set()
    learned: Set[Any] = set()
    found: List[ExitCosts] = []
    operations = size = 0
    for output in outputs:
        for function in functions([output]):
            if function in known:
                continue
            known.add(function)
            if any(y in computed for y in function.outputs):
                operations += _operations(function, macs.get(function), rows)
            for leaf in _learned(function):
                if leaf not in computed and leaf.data not in learned:
                    learned.add(leaf.data)
                    size += leaf.size
        found.append(ExitCosts(int(operations), int(size)))
    return found


def _operations(function: Any, macs: Optional[int], rows: int) -> int:
    type_name, y = function.info.type_name, function.outputs[0]
    if macs is not None:
        has_bias = type_name == "Affine" and len(function.inputs) > _BIAS
        return macs + (y.size // rows if has_bias else 0)
    if type_name in _POOLING:
        return int(y.size // rows * np.prod(function.info.args["kernel"]))
    if type_name == "GlobalAveragePooling":
        return int(function.inputs[0].size // rows)
    return int(y.size // rows) if type_name in ACTIVATIONS else 0


def _learned(function: Any) -> List[nn.Variable]:
    """Parameters that a function reads itself."""
    end = 1 if quantizer_of(function) is not None else None
    end = _STATISTICS.get(function.info.type_name, end)
    return [v for v in function.inputs[:end] if v.parent is None]
