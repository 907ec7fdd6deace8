# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rewriting a float network so that the integer kernels of the C runtime can take it.

Which variables are integers follows from the functions: layers read and write integers; what only
moves values keeps what it gets; functions without an integer kernel read integers and write floats,
which are turned into integers where a layer needs them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Callable, Collection, Dict, List, Mapping, Optional, Sequence, Set

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.layers import BIAS, WEIGHT
from nnabla_compress.function_types import FORWARD_LAYERS, LAYERS
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import beside, constant, value
from nnabla_compress.graph.rewrite import consumers, rebuild, times_read
from nnabla_compress.lowering.fixed_point.kernels import (
    ELEMENTWISE,
    INTEGER,
    key,
)
from nnabla_compress.lowering.fixed_point.rows import Interleaved, interleaved_convolution
from nnabla_compress.transforms.fold import fold_into_layer


@dataclass
class FixedPointGraph:
    """A network whose layers can run on integers.

    Args:
        outputs: Its outputs.
        fixed: Keys of the variables to hold as integers.
    """

    outputs: List[nn.Variable]
    fixed: Set[Any] = field(default_factory=set)


def scale_layers(
    outputs: Sequence[nn.Variable], inputs: Collection[nn.Variable], names: Mapping[Any, str]
) -> List[nn.Variable]:
    """Builds the graph again with constant factors and terms behind a layer taken into it.

    Args:
        outputs: Variables of one graph of native functions.
        inputs: The network's inputs.
        names: Paths of parameters by their array.

    Returns:
        The new outputs.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> from nnabla_compress.graph.rewrite import functions
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 4))
        >>> y, = scale_layers([PF.affine(x, 3, name="fc") * 0.5 + 1], [x], {})
        >>> [f.info.type_name for f in functions([y])], y.parent.inputs[2].d.tolist()
        (['Affine'], [1.0, 1.0, 1.0])
    """
    dynamic = set(inputs)
    readers = consumers(outputs)
    uses = times_read(outputs)

    def replace(function: Any, arguments: List[nn.Variable]) -> Optional[nn.Variable]:
        found = _scale_and_shift(function, arguments, dynamic)
        if found is None:
            return None
        position, scale, shift = found
        layer = arguments[position].parent
        if layer is None or layer.info.type_name not in FORWARD_LAYERS:
            return None
        if readers[function.inputs[position]] != [function]:
            return None
        if uses.get(layer.inputs[WEIGHT].data, 0) > 1:
            return None
        shape = (1,) * (layer.outputs[0].ndim - scale.ndim) + scale.shape
        axis = layer.info.args["base_axis"] % layer.inputs[0].ndim
        sizes = [1] * layer.outputs[0].ndim
        sizes[axis] = layer.outputs[0].shape[axis]
        try:
            whole = [np.broadcast_to(part.reshape(shape), sizes) for part in (scale, shift)]
        except ValueError:  # differs along other axes than the channels
            return None
        return fold_into_layer(layer, whole[0], whole[1], uses, names)

    return rebuild(outputs, replace)


def _scale_and_shift(
    function: Any, arguments: Sequence[nn.Variable], dynamic: Set[nn.Variable]
) -> Any:
    """Returns which input a function maps to scale * x + shift, and these; None if it does not."""
    type_name = function.info.type_name
    one, zero = np.ones(()), np.zeros(())
    if type_name == "MulScalar":
        return 0, np.array(function.info.args["val"], np.float64), zero
    if type_name == "AddScalar":
        return 0, one, np.array(function.info.args["val"], np.float64)
    if type_name not in ("Mul2", "Add2", "Sub2"):
        return None
    constants = [v.parent is None and v not in dynamic for v in arguments]
    if constants == [False, True]:
        position = 0
    elif constants == [True, False] and type_name != "Sub2":
        position = 1
    else:
        return None
    number = value(arguments[1 - position])
    if type_name == "Mul2":
        return position, number, np.zeros_like(number)
    number = -number if type_name == "Sub2" else number
    return position, np.ones_like(number), number


def integer_graph(
    outputs: Sequence[nn.Variable],
    inputs: Collection[nn.Variable],
    floats: Collection[nn.Variable],
    names: Mapping[Any, str],
    packed: Callable[[Any], bool] = lambda layer: False,
) -> FixedPointGraph:
    """Builds the graph again with what integer kernels need, and says what is an integer.

    Convolutions sum over all input channels at once (see ``rows``) and get a bias. Additions and
    multiplications by numbers become ones by parameters. Where floats meet integer kernels, a
    multiplication by 1 converts them.

    Args:
        outputs: Variables of one graph of native functions.
        inputs: The network's inputs.
        floats: Those of them, and of what MulScalar gives, that stay floats.
        names: Paths of parameters by their array.
        packed: Says of a layer whether it has integers for its input and output only, and rounds
            its sums to any format: the kernels for packed weights.
    """
    builder = _Builder(outputs, inputs, floats, names, packed)
    return FixedPointGraph(rebuild(outputs, builder.replace), builder.fixed)


class _Builder:
    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        inputs: Collection[nn.Variable],
        floats: Collection[nn.Variable],
        names: Mapping[Any, str],
        packed: Callable[[Any], bool],
    ) -> None:
        self.packed = packed
        self.inputs, self.floats = set(inputs), set(floats)
        self.readers = consumers(outputs)
        self.fixed: Set[Any] = {key(v) for v in inputs if v not in floats}
        self.converted: Dict[nn.Variable, nn.Variable] = {}
        self.interleaved: Interleaved = {}
        self.names = names

    def replace(self, function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        type_name = function.info.type_name
        if type_name in LAYERS and self.packed(function):
            return self.mark(self.copy(function, [self.as_integer(arguments[0]), *arguments[1:]]))
        if type_name in FORWARD_LAYERS:
            return self.layer(function, arguments)
        moving = [v for v in arguments if not self.is_parameter(v)]
        integers = any(key(v) in self.fixed for v in moving)
        if type_name in ("MulScalar", "Mul2") and self.is_rounded(function.outputs[0]):
            return self.copy(function, arguments)  # a quantizer: its codes are exact in float only
        if function.outputs[0] in self.floats:
            return self.copy(function, arguments)
        if type_name in ("MulScalar", "AddScalar") and integers:
            return [self.by_parameter(function, arguments[0])]
        if type_name in INTEGER and integers:
            arguments = [self.as_integer(v) for v in arguments]
            return self.mark(self.copy(function, arguments))
        made = self.copy(function, arguments)
        if type_name == "Deconvolution" and self.is_parameter(arguments[WEIGHT]):
            self.mark([arguments[WEIGHT]])  # its float kernel reads any weights
        read_by = [
            reader is not None and (reader.info.type_name in INTEGER)
            for output in function.outputs
            for reader in self.readers[output]
        ]
        return self.mark(made) if type_name in ELEMENTWISE and all(read_by) else made

    def layer(self, function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        type_name = function.info.type_name
        if type_name != "Affine" and len(arguments) == BIAS:
            # Without one the kernel reads memory that nobody has set.
            maps = function.outputs[0].shape[function.info.args["base_axis"] % arguments[0].ndim]
            path = self.names.get(arguments[WEIGHT].data, arguments[WEIGHT].name) or "W"
            arguments = [*arguments, constant(np.zeros(maps, np.float32), beside(path, "b"))]
        arguments = [self.as_integer(v) for v in arguments]
        if type_name == "Convolution" and self.is_parameter(arguments[WEIGHT]):
            arguments[WEIGHT].name = self.names.get(arguments[WEIGHT].data, arguments[WEIGHT].name)
            made = interleaved_convolution(function, arguments, self.interleaved)
            if made is not None:
                self.mark(made)
                self.mark(self.convolution_of(made).inputs)
                return made[-1:]
        return self.mark(self.copy(function, arguments))

    def convolution_of(self, made: Sequence[nn.Variable]) -> Any:
        return next(v.parent for v in made if v.parent.info.type_name == "Convolution")

    def by_parameter(self, function: Any, x: nn.Variable) -> nn.Variable:
        type_name, number = function.info.type_name, function.info.args["val"]
        parameter = constant(np.full((1,) * x.ndim, number, np.float32), type_name.lower())
        made = F.mul2(x, parameter) if type_name == "MulScalar" else F.add2(x, parameter)
        return self.mark([parameter, made])[1]

    def is_rounded(self, variable: nn.Variable) -> bool:
        """Whether all that reads a variable, if need be behind clips, is one Round."""
        readers = self.readers.get(variable, [None])
        while len(readers) == 1 and readers[0] is not None:
            type_name = readers[0].info.type_name
            if type_name not in ("ReLU", "MinimumScalar", "MaximumScalar"):
                return bool(type_name == "Round")
            readers = self.readers.get(readers[0].outputs[0], [None])
        return False

    def as_integer(self, variable: nn.Variable) -> nn.Variable:
        if key(variable) in self.fixed:
            return variable
        if self.is_parameter(variable):
            return self.mark([variable])[0]
        if variable not in self.converted:
            self.converted[variable] = self.mark([F.mul_scalar(variable, 1.0)])[0]
        return self.converted[variable]

    def is_parameter(self, variable: nn.Variable) -> bool:
        return variable.parent is None and variable not in self.inputs

    def copy(self, function: Any, arguments: Sequence[nn.Variable]) -> List[nn.Variable]:
        changes = {"inplace": False} if "inplace" in function.info.args else None
        made = clone(function, arguments, changes)
        for old, new in zip(function.outputs, made):
            new.name = old.name
        return made

    def mark(self, variables: Sequence[nn.Variable]) -> List[nn.Variable]:
        self.fixed.update(map(key, variables))
        return list(variables)
