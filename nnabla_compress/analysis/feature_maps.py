# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The feature maps of a network: which there are to quantize, and what each is called.

There are two answers, with the same names where both have a map; :func:`named_maps` has all maps.
:func:`activations` are the outputs of activation functions, as the papers quantize them.
:func:`stored_maps` are those that a device stores as codes: a map is quantized where it is
computed, once for all its readers, and left alone where

* the function behind it is an activation function or a fixed scale or shift of its own, which a
  device computes before it stores anything;
* it consists of values of maps that are quantized already (MaxPooling, Reshape, Slice, ...);
* no layer follows: the outputs of the network stay what they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Dict, List, Mapping, Sequence, Set, Tuple

import nnabla as nn

from nnabla_compress.analysis.layers import layers
from nnabla_compress.function_types import ACTIVATIONS, KEEPS, NON_NEGATIVE
from nnabla_compress.graph.inputs import chosen_from
from nnabla_compress.graph.rewrite import consumers, functions
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.turns import one_at_a_time

MAPS = ("activations", "stored")
"""The two answers, by the names that recipes use."""

INPUT = "Input"
"""Type of a map that is an input of the network."""

_FUSED = (*ACTIVATIONS, "MaximumScalar", "MinimumScalar", "AddScalar", "MulScalar")
_WITH_CONSTANT = ("Add2", "Mul2", "Sub2", "Minimum2", "Maximum2")


@dataclass(frozen=True)
class FeatureMap:
    """A feature map.

    Args:
        name: The last layer before it and its type, e.g. ``"conv1/conv/relu"``; ``"input"``.
        type: Type of the function that computes it, e.g. ``"ReLU"``; ``"Input"``.
        variable: The map.
    """

    name: str
    type: str
    variable: nn.Variable

    @property
    def shape(self) -> Tuple[int, ...]:
        """Shape for one sample."""
        return tuple(self.variable.shape[1:])

    @property
    def signed(self) -> bool:
        """Whether its values can be negative, as far as its function tells."""
        return self.type not in NON_NEGATIVE


@one_at_a_time
def activations(outputs: Sequence[nn.Variable]) -> List[FeatureMap]:
    """Returns the outputs of the activation functions of a graph in the order of execution.

    Args:
        outputs: Variables of one graph.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = F.relu(PF.convolution(nn.Variable((1, 3, 8, 8)), 16, (3, 3), name="c1"))
        >>> [(activation.name, activation.shape) for activation in activations([y])]
        [('c1/conv/relu', (16, 6, 6))]
    """
    return maps_behind(outputs, lambda function: function.info.type_name in ACTIVATIONS)


@one_at_a_time
def maps_behind(outputs: Sequence[nn.Variable], choose: Callable[[Any], bool]) -> List[FeatureMap]:
    """Returns the maps that chosen functions of a graph compute, in the order of execution.

    Args:
        outputs: Variables of one graph.
        choose: Whether the map of a function is wanted.
    """
    names = _Names(outputs)
    found: List[FeatureMap] = []
    for number, function in enumerate(functions(outputs)):
        names.pass_on(number, function, function.inputs)
        if choose(function):
            type_name = function.info.type_name
            found.append(FeatureMap(names.take(function), type_name, function.outputs[0]))
    return found


@one_at_a_time
def stored_maps(outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]) -> List[FeatureMap]:
    """Returns the maps that a device stores as codes, inputs too, in the order of execution.

    Args:
        outputs: Variables of one graph, batch normalizations folded.
        inputs: Its inputs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3, 8, 8))
        >>> h = F.max_pooling(F.relu(PF.convolution(x, 4, (3, 3), name="c1")), (2, 2))
        >>> y = F.softmax(PF.affine(h, 2, name="fc"))
        >>> [found.name for found in stored_maps([y], [x])]
        ['input', 'c1/conv/relu']
    """
    order = functions(outputs)
    names = _Names(outputs)
    readers = consumers(outputs)
    dynamic = _computed_from(inputs, order)
    leads_to_layer = _before_a_layer(order, set(names.layers), dynamic)
    chosen: List[FeatureMap] = []
    on_grid: Set[nn.Variable] = set()
    for number, variable in enumerate(inputs, 1):
        if variable in leads_to_layer:
            name = "input" if len(inputs) == 1 else f"input{number}"
            chosen.append(FeatureMap(name, INPUT, variable))
            on_grid.add(variable)
    for number, function in enumerate(order):
        if not any(variable in dynamic for variable in function.outputs):
            continue
        before = [v for v in function.inputs if v in dynamic]
        names.pass_on(number, function, before)
        for variable in function.outputs:
            if _keeps_values(function) and all(v in on_grid for v in before):
                on_grid.add(variable)
            elif variable in leads_to_layer and not _is_fused(variable, readers, dynamic):
                chosen.append(FeatureMap(names.take(function), function.info.type_name, variable))
                on_grid.add(variable)
    return chosen


@one_at_a_time
def named_maps(
    outputs: Sequence[nn.Variable], inputs: Sequence[nn.Variable]
) -> Dict[str, nn.Variable]:
    """Returns every map that a graph computes from its inputs, by its name, in order of execution.

    The map that a layer gives is called as the layer, any other after the last layer before it and
    its own function. Quantizers give no map of their own: the one that they quantize has the name.

    Args:
        outputs: Variables of one graph.
        inputs: Its inputs.

    Example:
        >>> import nnabla.functions as F, nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 3, 8, 8))
        >>> y = F.relu(PF.convolution(x, 16, (3, 3), name="c1"))
        >>> list(named_maps([F.max_pooling(y, (2, 2))], [x]))
        ['c1/conv', 'c1/conv/relu', 'c1/conv/maxpooling']
    """
    order = functions(outputs)
    names, computed = _Names(outputs), _computed_from(inputs, order)
    found: Dict[str, nn.Variable] = {}
    for number, function in enumerate(order):
        before = [variable for variable in function.inputs if variable in computed]
        if not before:
            continue
        names.pass_on(number, function, before)
        if quantizer_of(function) is None:
            layer = names.layers.get(function)
            for variable in function.outputs:
                name = names.take(function) if layer is None else names.free(layer)
                found[name] = variable
    return found


class _Names:
    """Names maps after the last layer that they were computed with, and their function."""

    def __init__(self, outputs: Sequence[nn.Variable]) -> None:
        self.layers = {layer.function: layer.name for layer in layers(outputs)}
        # The last layer that a variable was computed with, and when that was executed.
        self._behind: Dict[nn.Variable, Tuple[int, str]] = {}
        self._taken: Dict[str, int] = {}

    def pass_on(self, number: int, function: Any, inputs: Sequence[nn.Variable]) -> None:
        """Notes what the outputs of a function were computed with."""
        last = max((self._behind.get(v, (-1, "input")) for v in inputs), default=(-1, "input"))
        if function in self.layers:
            last = (number, self.layers[function])
        self._behind.update((variable, last) for variable in function.outputs)

    def take(self, function: Any) -> str:
        """Returns a name that no other map has."""
        return self.free(f"{self._behind[function.outputs[0]][1]}/{_kind(function)}")

    def free(self, path: str) -> str:
        """Returns a path, with a number if it was returned before."""
        self._taken[path] = self._taken.get(path, 0) + 1
        return path if self._taken[path] == 1 else f"{path}_{self._taken[path]}"


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
    """The variables whose values some layer multiplies, directly or after other functions.

    What numbers rows or classes is not multiplied.
    """
    found: Set[nn.Variable] = set()
    for function in reversed(order):
        if function in layer_functions:
            read = function.inputs[:1]
        elif any(variable in found for variable in function.outputs):
            read = function.inputs
        else:
            continue
        found.update(
            variable
            for place, variable in enumerate(read)
            if variable in dynamic and not chosen_from(function, place)
        )
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
