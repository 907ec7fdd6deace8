# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The compressible layers of a network, read from its graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Dict, List, Mapping, Optional, Sequence, Set, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.function_types import FUNCTION_TYPES, MOVES, WEIGHTED
from nnabla_compress.graph.rewrite import functions, leaves, leaves_of
from nnabla_compress.names import ascii_name, shown_name
from nnabla_compress.quantizers.base import quantizer_of
from nnabla_compress.turns import one_at_a_time

# Functions whose second input is the weight and whose third, if there is one, is the bias.
WEIGHT, BIAS = 1, 2
# What the weight of a layer is called, and what NNabla's quantizers have made of it.
_WEIGHTS = ("W", "W_q")


@dataclass(frozen=True)
class Layer:
    """A function with a weight.

    Args:
        name: Parameter scope of the weight, e.g. ``"layer1/block0/conv1/conv"``. Layers that share
            a weight have the same name.
        type: Type of the function, e.g. ``"Convolution"``.
        function: The function of the graph.
        weight: The float parameter.
        weight_name: Its path, e.g. ``"layer1/block0/conv1/conv/W"``.
        quantizer: The node that quantizes the weight, None if there is none.
        computed_by: Type of the last function between the weight and the layer that changes its
            values, "" if none does.
        bias: What is added to the output, None if nothing is.
        shared: Whether an earlier layer has the same weight.
        direct: Whether the function reads the weight, or what its quantizer makes of it, in the
            shape of the parameter: no Transpose, Reshape or other function stands between them.
    """

    name: str
    type: str
    function: Any
    weight: nn.Variable
    weight_name: str
    quantizer: Optional[Any] = None
    computed_by: str = ""
    bias: Optional[nn.Variable] = None
    shared: bool = False
    direct: bool = True

    @property
    def shape(self) -> Tuple[int, ...]:
        """Shape of the weight."""
        return tuple(self.weight.shape)

    @property
    def input_shape(self) -> Tuple[int, ...]:
        """Shape of the input, with the batch axis."""
        return tuple(self.function.inputs[0].shape)

    @property
    def output_shape(self) -> Tuple[int, ...]:
        """Shape of the output, with the batch axis."""
        return tuple(self.function.outputs[0].shape)

    @property
    def parameters(self) -> int:
        """Number of weights and biases; 0 where the weight is an earlier layer's."""
        if self.shared:
            return 0
        return int(self.weight.size) + (int(self.bias.size) if self.bias is not None else 0)

    @property
    def output_axis(self) -> Optional[int]:
        """Axis of its weight that counts the output channels; None of a table."""
        return FUNCTION_TYPES[self.type].output_axis

    @property
    def macs(self) -> int:
        """Multiply-accumulate operations for one sample."""
        if FUNCTION_TYPES[self.type].looks_up:
            return 0
        args = self.function.info.args
        # What it reads of the weight: a Slice or a Broadcast may stand between them.
        size = int(self.function.inputs[WEIGHT].size)
        # Each weight meets each position of the map once: of the output, or, where the layer
        # spreads its input, of the input.
        shape = self.input_shape if FUNCTION_TYPES[self.type].transposed else self.output_shape
        if self.type == "Affine":
            return int(size * np.prod(shape[1 : _base_axis(args, self.input_shape)]))
        axis = len(shape) - 1 if args.get("channel_last") else _base_axis(args, shape)
        positions = [size for i, size in enumerate(shape) if i not in (0, axis)]
        return int(size * np.prod(positions, dtype=np.int64))


def _base_axis(args: Mapping[str, Any], shape: Sequence[int]) -> int:
    return int(args["base_axis"]) % len(shape)


@one_at_a_time
def parameter_names(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> Dict[Any, str]:
    """Returns the path of each parameter of the graph, by the array that holds its values.

    Paths are as NNabla's variables take them (:func:`~nnabla_compress.names.ascii_name`). A leaf
    of the graph that is none of them takes the name of its Variable, if that is a path.

    Args:
        outputs: Variables of one graph.
        parameters: Parameters by path; by default those of the current parameter scope.

    Returns:
        Paths by ``variable.data``; leaves without any name are left out.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 4)), 3, name="fc")
        >>> sorted(parameter_names([y]).values())
        ['fc/affine/W', 'fc/affine/b']
    """
    if parameters is None:
        parameters = nn.get_parameters(grad_only=False)
    return _named(leaves(outputs), parameters)


def _named(found: Sequence[nn.Variable], parameters: Mapping[str, nn.Variable]) -> Dict[Any, str]:
    names = {variable.data: ascii_name(name) for name, variable in parameters.items()}
    for variable in found:
        if "/" in variable.name:  # parametric functions call every weight "W"
            names.setdefault(variable.data, variable.name)
    return names


@one_at_a_time
def layers(
    outputs: Sequence[nn.Variable], parameters: Optional[Mapping[str, nn.Variable]] = None
) -> List[Layer]:
    """Returns the layers of the graph in the order of execution.

    A function whose weight is computed from the network's input, or from several trained
    parameters, is none.

    Args:
        outputs: Variables of one graph.
        parameters: Parameters by path, to name the layers; by default those of the current
            parameter scope. A layer whose weight has no path is named by its type and number.

    Returns:
        The layers.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.convolution(nn.Variable((1, 3, 8, 8)), 16, (3, 3), name="c1")
        >>> [(layer.name, layer.shape, layer.parameters, layer.macs) for layer in layers([y])]
        [('c1/conv', (16, 3, 3, 3), 448, 15552)]
    """
    if parameters is None:
        parameters = nn.get_parameters(grad_only=False)
    known = {parameter.data for parameter in parameters.values()}
    order = functions(outputs)
    names = _named(leaves_of(order, outputs), parameters)
    taken = set(names.values())
    found: List[Layer] = []
    numbers: Dict[str, int] = {}
    seen = set()
    for function in order:
        type_name = function.info.type_name
        if type_name not in WEIGHTED:
            continue
        number = numbers[type_name] = numbers.get(type_name, 0) + 1
        source = _weight_source(function.inputs[WEIGHT], known)
        if source is None:
            continue
        weight = source.weight
        if weight.data not in names:
            made_up = f"{type_name}_{number}/W"
            while made_up in taken:
                made_up = f"_{made_up}"
            taken.add(made_up)
            names[weight.data] = made_up
        weight_name = names[weight.data]
        found.append(
            Layer(
                name=layer_name(weight_name),
                type=type_name,
                function=function,
                weight=weight,
                weight_name=weight_name,
                quantizer=source.quantizer,
                computed_by=source.computed_by,
                bias=function.inputs[BIAS] if len(function.inputs) > BIAS else None,
                shared=weight.data in seen,
                direct=source.direct,
            )
        )
        seen.add(weight.data)
    return found


def layer_name(weight_name: str) -> str:
    """Returns the name of the layer whose weight has this path.

    Args:
        weight_name: Path of the weight's parameter.

    Example:
        >>> layer_name("c1/conv/W"), layer_name("rnn/weight_l0"), layer_name("W")
        ('c1/conv', 'rnn/weight_l0', 'W')
    """
    scope, _, last = weight_name.rpartition("/")
    return shown_name(scope if last in _WEIGHTS and scope else weight_name)


@dataclass(frozen=True)
class _Source:
    """The parameter behind a weight, and what stands between it and the layer."""

    weight: nn.Variable
    quantizer: Optional[Any] = None
    computed_by: str = ""
    direct: bool = True


def _weight_source(effective: nn.Variable, known: Set[Any]) -> Optional[_Source]:
    """Returns where a weight comes from, None if the network's input or several weights change it.

    Between them may stand the weight's quantizer and NNabla's own functions of one parameter, such
    as Transpose or FixedPointQuantize.
    """
    function = effective.parent
    if function is not None and quantizer_of(function) is not None:
        if function.inputs[0].parent is None:
            return _Source(function.inputs[0], function)
    between = functions([effective]) if function is not None else []
    quantizers = [f for f in between if quantizer_of(f) is not None]
    own = {variable.data for f in quantizers for variable in f.inputs[1:]}
    behind = {v.data: v for v in leaves_of(between, [effective]) if v.data not in own}
    if not all(v.need_grad or data in known or "/" in v.name for data, v in behind.items()):
        return None
    trained = [v for v in behind.values() if v.need_grad] or list(behind.values())
    if len(trained) != 1:
        return None
    (weight,) = trained
    return _Source(
        weight,
        next((f for f in quantizers if f.inputs[0].data == weight.data), None),
        next((f.info.type_name for f in reversed(between) if _computes(f)), ""),
        direct=function is None,
    )


def _computes(function: Any) -> bool:
    """Whether a function of a weight gives other values than those that it gets."""
    moves = function.info.type_name in MOVES or not function.inputs
    return not moves and quantizer_of(function) is None
