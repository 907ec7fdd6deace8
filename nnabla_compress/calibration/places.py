# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which tensors of a network a device stores as codes, and quantizers on them.

A tensor is quantized where it is computed, once for all its readers. It is left alone where

* the function behind it is an activation function or a fixed scale or shift of its own, which a
  device computes before it stores anything;
* it consists of values of tensors that are quantized already (MaxPooling, Reshape, Slice, ...);
* no layer follows: the outputs of the network stay what they are.
"""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Set, Tuple

import nnabla as nn

from nnabla_compress.analysis import layers
from nnabla_compress.function_types import ACTIVATIONS, KEEPS
from nnabla_compress.graph import clone, consumers, functions, rebuild
from nnabla_compress.quantizers import Quantizer
from nnabla_compress.transforms.insert_activations import quantize_in_scope
from nnabla_compress.turns import one_at_a_time

_FUSED = (*ACTIVATIONS, "MaximumScalar", "MinimumScalar", "AddScalar", "MulScalar")
_WITH_CONSTANT = ("Add2", "Mul2", "Sub2", "Minimum2", "Maximum2")


@one_at_a_time
def quantizer_places(
    outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]
) -> Dict[nn.Variable, str]:
    """Returns the tensors to quantize, inputs too, by unique names.

    Args:
        outputs: Variables of one graph, batch normalizations folded.
        inputs: Its inputs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3, 8, 8))
        >>> h = F.max_pooling(F.relu(PF.convolution(x, 4, (3, 3), name="c1")), (2, 2))
        >>> list(quantizer_places([F.softmax(PF.affine(h, 2, name="fc"))], [x]).values())
        ['input', 'c1/conv/relu']
    """
    order = functions(outputs)
    names = {layer.function: layer.name for layer in layers(outputs)}
    readers = consumers(outputs)
    dynamic = _computed_from(inputs, order)
    leads_to_layer = _before_a_layer(order, set(names), dynamic)
    chosen: Dict[nn.Variable, str] = {}
    on_grid: Set[nn.Variable] = set()
    taken: Dict[str, int] = {}
    for number, variable in enumerate(inputs, 1):
        if variable in leads_to_layer:
            chosen[variable] = "input" if len(inputs) == 1 else f"input{number}"
            on_grid.add(variable)
    # The last layer that a variable was computed with, and when that was executed.
    last: Dict[nn.Variable, Tuple[int, str]] = {}
    for number, function in enumerate(order):
        if not any(variable in dynamic for variable in function.outputs):
            continue
        before = [v for v in function.inputs if v in dynamic]
        behind = max((last.get(v, (-1, "input")) for v in before), default=(-1, "input"))
        if function in names:
            behind = (number, names[function])
        for variable in function.outputs:
            last[variable] = behind
            if _keeps_values(function) and all(v in on_grid for v in before):
                on_grid.add(variable)
            elif variable in leads_to_layer and not _is_fused(variable, readers, dynamic):
                path = f"{behind[1]}/{_kind(function)}"
                taken[path] = taken.get(path, 0) + 1
                chosen[variable] = path if taken[path] == 1 else f"{path}_{taken[path]}"
                on_grid.add(variable)
    return chosen


@one_at_a_time
def insert_quantizers(
    outputs: Sequence[nn.Variable],
    places: Mapping[nn.Variable, str],
    choose: Callable[[str], Optional[Quantizer]],
) -> List[nn.Variable]:
    """Builds the graph again with quantizers on tensors.

    Args:
        outputs: Variables of one graph.
        places: Names of the tensors; the quantizers' parameters are created in these scopes.
        choose: Returns the quantizer by the name, None to leave a tensor as it is.

    Returns:
        The new outputs.

    Example:
        >>> import nnabla.functions as F
        >>> from nnabla_compress.quantizers import Affine
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3))
        >>> y, = insert_quantizers([F.relu(x)], {x: "input"}, lambda name: Affine(8))
        >>> [f.info.type_name for f in functions([y])]
        ['nnabla_compress.AffineQuantizer', 'ReLU']
    """

    def quantized(name: str, variable: nn.Variable) -> nn.Variable:
        quantizer = choose(name)
        if quantizer is None:
            return variable
        return quantize_in_scope(quantizer, variable, name)

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[List[nn.Variable]]:
        if not any(variable in places for variable in function.outputs):
            return None
        return [
            quantized(places[old], new) if old in places else new
            for old, new in zip(function.outputs, clone(function, arguments))
        ]

    leaves = {v: quantized(name, v) for v, name in places.items() if v.parent is None}
    return rebuild(outputs, replace, leaves)


def _kind(function: Any) -> str:
    """What a function is called in a path: a ReLU6 with a bound for each channel is one."""
    type_name, x = function.info.type_name, function.inputs[0]
    clips = type_name == "Minimum2" and x.parent is not None and x.parent.info.type_name == "ReLU"
    return "relu6" if clips else str(type_name).lower()


def _keeps_values(function: Any) -> bool:
    if function.info.type_name == "Pad":
        args = function.info.args
        return args["mode"] != "constant" or args["constant_value"] == 0
    return function.info.type_name in KEEPS


def _computed_from(inputs: Sequence[nn.Variable], order: Sequence[Any]) -> Set[nn.Variable]:
    """The inputs and all variables that are computed from them."""
    found = set(inputs)
    for function in order:
        if any(variable in found for variable in function.inputs):
            found.update(function.outputs)
    return found


def _before_a_layer(
    order: Sequence[Any], layer_functions: Set[Any], dynamic: Set[nn.Variable]
) -> Set[nn.Variable]:
    """The variables whose values some layer multiplies, directly or after other functions."""
    found: Set[nn.Variable] = set()
    for function in reversed(order):
        if function in layer_functions:
            # What an Embed reads are row numbers.
            read = function.inputs[:1] if function.info.type_name != "Embed" else []
        elif any(variable in found for variable in function.outputs):
            read = function.inputs
        else:
            continue
        found.update(variable for variable in read if variable in dynamic)
    return found


def _is_fused(
    variable: nn.Variable, readers: Mapping[nn.Variable, List[Any]], dynamic: Set[nn.Variable]
) -> bool:
    """Whether the only reader is a function that a device computes at the same time."""
    if len(readers[variable]) != 1 or readers[variable][0] is None:
        return False
    reader = readers[variable][0]
    if reader.info.type_name in _FUSED:
        return True
    if reader.info.type_name not in _WITH_CONSTANT:
        return False
    return sum(v in dynamic for v in reader.inputs) == 1
