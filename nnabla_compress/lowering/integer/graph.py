# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Building a network again with layers on codes, function by function."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.analysis.exactness import Exactness, whole_windows
from nnabla_compress.analysis.layers import BIAS, WEIGHT, layer_name
from nnabla_compress.analysis.value_sets import EXACT_UNITS
from nnabla_compress.function_types import WEIGHTED
from nnabla_compress.graph.clone import clone
from nnabla_compress.graph.constants import value
from nnabla_compress.graph.deferred import Deferred
from nnabla_compress.graph.rewrite import functions
from nnabla_compress.lowering.integer.layers import layer_sums
from nnabla_compress.lowering.integer.tensors import (
    CHANNELS,
    IntegerTensor,
    Parts,
    Sums,
    Tensor,
    to_float,
)
from nnabla_compress.lowering.integer.weights import IntegerWeight

# Decodes the weight of a layer: called with the weight's Variable in the old graph.
DecodeWeight = Callable[[nn.Variable, IntegerWeight], nn.Variable]
# Puts what enters a layer onto a grid: called with the layer in the old graph, its input in the new
# graph, and its weight; None if that can't be.
PutOnGrid = Callable[[Any, nn.Variable, IntegerWeight], Optional[IntegerTensor]]

# Functions that pick or move numbers: the same on codes as on what they stand for.
_KEEP = ("MaxPooling", "ReLU", "Transpose", "Slice", "Flip", "Unpooling", "Reshape", "Pad")
_KEEP_PARTS = ("MaxPooling", "ReLU", "Unpooling")


class IntegerGraph:
    """Builds a graph again with layers that add whole numbers, where their inputs are on a grid.

    Args:
        inputs: The network's inputs.
        weights: Quantized weights by their array, None for one whose values lie on no grid.
        names: Paths of parameters by their array.
        decode: Makes a weight in the new graph.
        put_on_grid: Rounds what enters a layer.
        deferred: Values of the weights that ``decode`` makes.
    """

    def __init__(
        self,
        inputs: Sequence[nn.Variable],
        weights: Mapping[Any, Optional[IntegerWeight]],
        names: Mapping[Any, str],
        decode: DecodeWeight,
        put_on_grid: PutOnGrid,
        deferred: Optional[Deferred] = None,
    ) -> None:
        self.exactness = Exactness(inputs, deferred)
        self.reasons: Dict[str, str] = {}
        self._weights, self._names = weights, names
        self._decode, self._put_on_grid = decode, put_on_grid
        self._tensors: Dict[nn.Variable, Tensor] = {}
        self._floats: Dict[int, nn.Variable] = {}
        self._decoded: Dict[Tuple[Any, ...], nn.Variable] = {}

    def build(self, outputs: Sequence[nn.Variable]) -> List[nn.Variable]:
        """Returns the new outputs; ``reasons`` then says, by layer, why it still adds floats.

        Args:
            outputs: Variables of a graph of native functions with each weight as one parameter.
        """
        for function in functions(outputs):
            inputs = [self._tensors.get(variable, variable) for variable in function.inputs]
            made = self._on_codes(function, inputs)
            if made is None or isinstance(made, str):
                copies = clone(function, [self._float(tensor) for tensor in inputs])
                if isinstance(made, str):
                    self._explain(function, made)
                self._tensors.update(zip(function.outputs, copies))
            else:
                self._tensors[function.outputs[0]] = made
        return [self._float(self._tensors[output]) for output in outputs]

    def _explain(self, function: Any, reason: str) -> None:
        weight = function.inputs[WEIGHT]
        path = self._names.get(weight.data, weight.name)
        self.reasons[layer_name(path) if path else function.info.type_name] = reason

    def _float(self, tensor: Tensor) -> nn.Variable:
        """Returns a tensor as floats; for one tensor always the same Variable."""
        if isinstance(tensor, nn.Variable):
            return tensor
        if id(tensor) not in self._floats:
            self._floats[id(tensor)] = to_float(tensor)
        return self._floats[id(tensor)]

    def _on_codes(self, function: Any, inputs: Sequence[Tensor]) -> Union[None, str, Tensor]:
        """What a function makes of codes or sums; None, or a reason, where it takes floats."""
        type_name = function.info.type_name
        if not inputs:
            return None
        x = inputs[0]
        if type_name in WEIGHTED:
            return self._layer(function, inputs)
        if type_name == "ReLU" and not isinstance(x, (Sums, Parts)):
            codes = x.variable if isinstance(x, IntegerTensor) else x
            return x if self.exactness.values(codes).low >= 0 else self._moved(function, x)
        if type_name == "MulScalar":
            return self._scaled(x, float(np.float32(function.info.args["val"])))
        if type_name in ("Mul2", "Add2") and isinstance(x, Sums):
            return self._merged(function, x, inputs[1])
        if type_name == "Concatenate":
            return self._side_by_side(function, inputs)
        return self._moved(function, x)

    def _scaled(self, x: Tensor, factor: float) -> Union[None, IntegerTensor, Sums]:
        """A factor goes into the scale; of a Variable on a grid, its codes are that Variable."""
        if factor <= 0 or isinstance(x, Parts):
            return None
        if isinstance(x, Sums):
            return replace(x, scale=x.scale * factor, shift=x.shift * factor)
        if isinstance(x, IntegerTensor):
            return IntegerTensor(x.variable, x.scale * factor)
        return IntegerTensor(x, factor) if self.exactness.values(x).exact else None

    def _merged(self, function: Any, sums: Sums, other: Tensor) -> Optional[Sums]:
        """A constant for each channel goes into the scale or the shift."""
        if not isinstance(other, nn.Variable) or not self.exactness.is_constant(other):
            return None
        shape = function.outputs[0].shape
        along = [1] * len(shape)
        along[sums.axis if sums.shape is None else CHANNELS] = sums.scale.size
        if other.ndim != len(shape) or list(other.shape) not in (along, [1] * len(shape)):
            return None
        numbers = np.broadcast_to(value(other).ravel(), sums.scale.shape)
        if function.info.type_name == "Add2":
            return replace(sums, shift=sums.shift + numbers)
        return replace(sums, scale=sums.scale * numbers, shift=sums.shift * numbers)

    def _side_by_side(
        self, function: Any, inputs: Sequence[Tensor]
    ) -> Union[None, IntegerTensor, Parts]:
        parts: List[IntegerTensor] = []
        for tensor in inputs:
            if isinstance(tensor, (nn.Variable, Sums)):
                return None
            parts.extend(tensor.codes if isinstance(tensor, Parts) else [tensor])
        if len({codes.scale for codes in parts}) == 1:
            joined = clone(function, [codes.variable for codes in parts])[0]
            return IntegerTensor(joined, parts[0].scale)
        return Parts(tuple(parts)) if function.info.args["axis"] == CHANNELS else None

    def _moved(self, function: Any, x: Tensor) -> Union[None, IntegerTensor, Parts]:
        """What a function that moves, picks or adds numbers makes of codes."""
        type_name, args = function.info.type_name, function.info.args
        if isinstance(x, (nn.Variable, Sums)):
            return None
        if isinstance(x, Parts):
            flat = type_name == "Reshape" and list(args["shape"][1:]) in ([-1], [_size(x)])
            if flat:
                rows = [F.reshape(c.variable, (-1, _row(c)), inplace=False) for c in x.codes]
                return Parts(tuple(IntegerTensor(row, c.scale) for row, c in zip(rows, x.codes)))
            if type_name not in (*_KEEP_PARTS, "AveragePooling", "SumPooling"):
                return None
            moved = [self._moved(function, codes) for codes in x.codes]
            made = [codes for codes in moved if isinstance(codes, IntegerTensor)]
            return Parts(tuple(made)) if len(made) == len(moved) else None
        if type_name == "Pad" and (args["mode"] == "constant" and args["constant_value"] != 0):
            return None
        if type_name in ("Sum", "SumPooling") or type_name in _KEEP:
            return IntegerTensor(clone(function, [x.variable])[0], x.scale)
        return self._average(function, x) if type_name == "AveragePooling" else None

    def _average(self, function: Any, x: IntegerTensor) -> IntegerTensor:
        """An average is a sum, which is exact, times a smaller scale."""
        args = function.info.args
        count = int(np.prod(args["kernel"]))
        fits = self.exactness.values(x.variable).units * count <= EXACT_UNITS
        if not fits or not whole_windows(function):
            return IntegerTensor(clone(function, [x.variable])[0], x.scale)
        keys = ("kernel", "stride", "ignore_border", "pad", "channel_last")
        total = F.sum_pooling(x.variable, **{key: args[key] for key in keys})
        return IntegerTensor(total, x.scale / count)

    def _layer(self, function: Any, inputs: Sequence[Tensor]) -> Union[str, Sums]:
        weight = function.inputs[WEIGHT]
        found = self._weights.get(weight.data)
        if found is None:
            if weight.data in self._weights:
                return (
                    "the values of its weight lie on no grid; snap its dictionary, or train it "
                    "with grid_bits"
                )
            return "its weight is not quantized"
        codes = self._codes(inputs[0])
        if not all(self.exactness.values(part.variable).exact for part in codes):
            rounded = self._put_on_grid(function, self._float(inputs[0]), found)
            if rounded is None:
                if isinstance(inputs[0], (IntegerTensor, Parts)):
                    return "its input averages windows of several sizes"
                return "its input is not quantized"
            codes = (rounded,)
        path = self._names.get(weight.data, weight.name)
        made = layer_sums(
            function, codes, found, path, self.exactness, lambda w: self._decoded_once(weight, w)
        )
        if isinstance(made, str) or len(inputs) <= BIAS:
            return made
        bias = value(function.inputs[BIAS]).ravel()
        return replace(made, shift=np.broadcast_to(bias, made.scale.shape))

    def _codes(self, x: Tensor) -> Tuple[IntegerTensor, ...]:
        if isinstance(x, Parts):
            return x.codes
        return (x if isinstance(x, IntegerTensor) else IntegerTensor(self._float(x), 1.0),)

    def _decoded_once(self, weight: nn.Variable, numbers: IntegerWeight) -> nn.Variable:
        key = (weight.data, numbers.tensor.shape)
        if key not in self._decoded:
            self._decoded[key] = self._decode(weight, numbers)
        return self._decoded[key]


def _size(parts: Parts) -> int:
    return sum(_row(codes) for codes in parts.codes)


def _row(codes: IntegerTensor) -> int:
    """Numbers of one sample."""
    return int(codes.variable.size // codes.variable.shape[0])
