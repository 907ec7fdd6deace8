# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Values beyond the integers, divided by powers of two that the layers around them make up for.

The coarsest format holds whole numbers up to 127 or 32,767. A variable that exceeds them is held
divided by 2^k: the layer that computes it has its weights and biases divided, the layers that read
it have their weights multiplied. What lies between (ReLU, pooling, additions, ...) computes the
same of divided values; other functions get them multiplied back, in float, and so do outputs.
"""

from __future__ import annotations

from typing import Any, Collection, Dict, List, Mapping, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.layers import WEIGHT
from nnabla_compress.function_types import FORWARD_LAYERS
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import constant, value
from nnabla_compress.graph.rewrite import functions, rebuild
from nnabla_compress.lowering.fixed_point.evaluate import copy_of

# f(x / c) = f(x) / c for all inputs together, c > 0.
_HOMOGENEOUS = (
    *("ReLU", "LeakyReLU", "MaxPooling", "AveragePooling", "SumPooling", "Reshape", "Transpose"),
    *("Concatenate", "Split", "Stack", "Slice", "Flip", "Unpooling", "Identity", "Abs"),
    *("Add2", "Sub2", "Minimum2", "Maximum2", "MinimumScalar", "MaximumScalar", "AddScalar"),
)


def rescaled(
    outputs: Sequence[nn.Variable],
    inputs: Collection[nn.Variable],
    largest: Mapping[nn.Variable, float],
    limit: float,
    names: Mapping[Any, str],
) -> Tuple[List[nn.Variable], List[nn.Variable]]:
    """Builds the graph again with variables divided by powers of two where they exceed a limit.

    Args:
        outputs: Variables of one graph of native functions.
        inputs: The network's inputs.
        largest: Largest magnitude of variables on calibration data.
        limit: The largest number that an integer stands for.
        names: Paths of parameters by their array.

    Returns:
        The new outputs, the very same variables where nothing exceeds the limit; and the variables
        that are multiplied back, which no integer holds.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> x = nn.Variable((1, 2))
        >>> (y,), floats = rescaled([PF.affine(x, 3, name="fc")], [x], {x: 255}, 127, {})
        >>> [f.info.type_name for f in functions([y])], functions([y])[0].info.args["val"]
        (['MulScalar', 'Affine'], 0.5)
    """
    rescaling = _Rescaling(outputs, inputs, largest, limit, names)
    if not rescaling.any:
        return list(outputs), []
    leaves = {v: _times(v, -rescaling.shift(v)) for v in inputs}
    made = rebuild(outputs, rescaling.replace, leaves)
    shifts = map(rescaling.shift, outputs)
    whole = [rescaling.multiplied_back(new, shift) for new, shift in zip(made, shifts)]
    return whole, rescaling.floats


class _Rescaling:
    """How many times each variable is halved: one number for all that must agree."""

    def __init__(
        self,
        outputs: Sequence[nn.Variable],
        inputs: Collection[nn.Variable],
        largest: Mapping[nn.Variable, float],
        limit: float,
        names: Mapping[Any, str],
    ) -> None:
        self.dynamic = set(inputs)
        self.names = names
        self.floats: List[nn.Variable] = []
        self.parents: Dict[nn.Variable, nn.Variable] = {}
        for function in functions(outputs):
            if any(v in self.dynamic for v in function.inputs):
                self.dynamic.update(function.outputs)
                if self.is_homogeneous(function):
                    read = [v for v in function.inputs if v in self.dynamic]
                    for variable in (*read[1:], *function.outputs):
                        self.parents[self.root(variable)] = self.root(read[0])
        self.shifts: Dict[nn.Variable, int] = {}
        for variable, magnitude in largest.items():
            if variable in self.dynamic and magnitude > limit + 1:
                # The largest of one step more is rounded down to the limit.
                needed = int(np.ceil(np.log2(magnitude / (limit + 1))))
                root = self.root(variable)
                self.shifts[root] = max(needed, self.shifts.get(root, 0))
        self.any = bool(self.shifts)

    def root(self, variable: nn.Variable) -> nn.Variable:
        while self.parents.get(variable, variable) != variable:
            variable = self.parents[variable]
        return variable

    def shift(self, variable: nn.Variable) -> int:
        return self.shifts.get(self.root(variable), 0)

    def is_homogeneous(self, function: Any) -> bool:
        args = function.info.args
        if function.info.type_name == "Pad":
            return bool(args["mode"] != "constant" or args["constant_value"] == 0)
        return function.info.type_name in _HOMOGENEOUS

    def replace(self, function: Any, arguments: List[nn.Variable]) -> List[nn.Variable]:
        dynamic = [v in self.dynamic for v in function.inputs]
        shifts = [self.shift(v) if d else 0 for v, d in zip(function.inputs, dynamic)]
        wanted = self.shift(function.outputs[0]) if any(dynamic) else 0
        if not wanted and not any(shifts):
            return copy_of(function, arguments)
        if self.is_homogeneous(function):
            constants = [a if d else self.scaled(a, -wanted) for a, d in zip(arguments, dynamic)]
            changes = {"inplace": False} if "inplace" in function.info.args else {}
            if "val" in function.info.args:
                changes["val"] = function.info.args["val"] * 2.0**-wanted
            return clone(function, constants, changes or None)
        if function.info.type_name in FORWARD_LAYERS and dynamic[0] and not any(dynamic[1:]):
            weight = self.scaled(arguments[WEIGHT], shifts[0] - wanted)
            biases = [self.scaled(a, -wanted) for a in arguments[WEIGHT + 1 :]]
            return copy_of(function, [arguments[0], weight, *biases])
        plain = [self.multiplied_back(a, k) for a, k in zip(arguments, shifts)]
        return [
            _times(new, -self.shift(old))
            for old, new in zip(function.outputs, copy_of(function, plain))
        ]

    def multiplied_back(self, variable: nn.Variable, shift: int) -> nn.Variable:
        made = _times(variable, shift)
        if shift:
            self.floats.append(made)
        return made

    def scaled(self, parameter: nn.Variable, power: int) -> nn.Variable:
        if not power:
            return parameter
        path = self.names.get(parameter.data) or parameter.name
        return constant(value(parameter) * 2.0**power, path, parameter.need_grad)


def _times(variable: nn.Variable, power: int) -> nn.Variable:
    return F.mul_scalar(variable, 2.0**power) if power else variable
