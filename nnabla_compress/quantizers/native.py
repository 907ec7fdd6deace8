# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's own quantize functions as quantizers: the node runs them, forward and backward.

What such a node computes, and what gradient it hands on, is what NNabla does, bit for bit.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, ClassVar, Dict, Iterator, List, Mapping, Sequence, Tuple, Type

import nnabla as nn
import nnabla.function
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError
from nnabla_compress.quantizers.base import QuantizerFunction, scope_name
from nnabla_compress.quantizers.engine import array
from nnabla_compress.quantizers.given import GivenQuantizer
from nnabla_compress.quantizers.lut import finite_values

Call = Tuple[str, Dict[str, Any]]
"""A function of NNabla by its type name, and its arguments."""

_MOST_VALUES = 256


class NativeQuantizer(GivenQuantizer):
    """A quantizer that consists of NNabla's own functions.

    A subclass is a dataclass of the options and says which functions these are.
    """

    type_name: ClassVar[str]
    # How many of the tables, from the first on, get gradients.
    learned_tables: ClassVar[int] = 0
    # Whether :meth:`snapped` changes what the functions give.
    snaps: ClassVar[bool] = False
    # Whether it rounds each value by itself, as quantizers of feature maps do.
    rounds: ClassVar[bool] = True

    @property
    def calls(self) -> Sequence[Call]:
        """The functions, in order; each reads what the one before gives, then the tables."""
        raise NotImplementedError

    @property
    def stored_bits(self) -> float:
        """Bits of a value when it is stored, where the options tell."""
        raise NotImplementedError

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> NativeQuantizer:
        """Returns the quantizer that a node was made by."""
        return cls(**{field.name: args[field.name] for field in fields(cls)})  # type: ignore[arg-type]

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the quantized tensor."""
        return self.on(x, (), scope_name())

    @classmethod
    def node_class(cls) -> Type[QuantizerFunction]:
        """Returns the node that runs the functions."""
        return NativeFunction

    @classmethod
    def takes(cls, tables: Sequence[np.ndarray]) -> bool:
        """Returns whether tables of a file have values that can be stored as codes.

        Args:
            tables: What the functions read beside the tensor.
        """
        return True

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns NNabla's functions."""
        y, *tables = inputs
        for name, arguments in cls.of(function.info.args).calls:
            make = getattr(nnabla.function, name)
            y = make(function.context, **arguments)(y, *tables, auto_forward=nn.get_auto_forward())
        return y

    @classmethod
    def snapped(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], y: np.ndarray) -> None:
        """Makes the values of the functions those that their codes decode to, in place.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the tables.
            y: What the functions gave, float32.
        """

    @classmethod
    def values(cls, function: Any) -> np.ndarray:
        """Returns what a node computes from the tensor that is there."""
        args = function.info.args
        finite_values(args, function.inputs[0])
        inputs = [nn.Variable.from_numpy_array(np.array(v.d)) for v in function.inputs]
        y = cls.lower(function, inputs)  # on copies: some functions write what they read
        y.forward()
        values: np.ndarray = np.array(y.d, np.float32)
        if cls.snaps:
            cls.snapped(args, inputs, values)
        values += np.float32(0)
        return values

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns the values that occur as a dictionary, and a code for each weight."""
        values = cls.values(function)
        dictionary, codes = np.unique(values, return_inverse=True)
        if len(dictionary) > _MOST_VALUES:
            raise ExportError(
                f"{cls.type_name} of {function.info.args['name'] or '(no name)'} gives "
                f"{len(dictionary):,} values, a dictionary holds up to {_MOST_VALUES}.",
                help="convert the layer: convert: uniform, or another quantizer for its weights",
            )
        bits = max(int(cls.of(function.info.args).stored_bits), (len(dictionary) - 1).bit_length())
        return Encoding(codes.reshape(values.shape), bits, dictionary=dictionary)

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits that an element of the tensor takes."""
        return cls.of(args).stored_bits


def whole_steps(values: np.ndarray, step: float, offset: int, bits: int) -> Encoding:
    """Returns values that are whole multiples of a step as codes of a scale.

    Args:
        values: float32.
        step: The step.
        offset: The code of zero.
        bits: Bits of a code.
    """
    codes = np.rint(values.astype(np.float64) / step).astype(np.int64) + offset
    return Encoding(codes, bits, scale=np.float32(step), zero_point=offset)  # type: ignore[arg-type]


class NativeFunction(QuantizerFunction):
    """The node: NNabla's functions one after the other."""

    def setup_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        super().setup_impl(inputs, outputs)
        calls = self._native.of(self.args).calls
        self._functions = [
            getattr(nnabla.function, name)(self.ctx, **arguments) for name, arguments in calls
        ]
        # What the engine hands to a Python function can't be handed on to another function.
        ends = [inputs[0], *[outputs[0] for _ in calls]]
        self._chain = [nn.Variable(variable.shape, need_grad=True) for variable in ends]
        self._tables = [nn.Variable(table.shape, need_grad=True) for table in inputs[1:]]
        for function, x, y in self._steps():
            function.setup([x, *self._tables], [y])

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return True

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        self._read(inputs, outputs)
        for function, x, y in self._steps():
            function.forward([x, *self._tables], [y])
        if self._native.snaps:
            self._native.snapped(self.args, inputs, array(outputs[0], np.float32))

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if not any(propagate_down):
            return
        self._read(inputs, outputs)
        self._chain[-1].grad = outputs[0].grad
        self._chain[0].grad = inputs[0].grad
        self._chain[0].need_grad = propagate_down[0]
        for number, (own, given) in enumerate(zip(self._tables, inputs[1:])):
            own.grad, wanted = given.grad, propagate_down[number + 1]
            own.need_grad = wanted and number < self._native.learned_tables
            if wanted and not own.need_grad and not accum[number + 1]:
                given.grad.zero()
        for number, (function, x, y) in reversed(list(enumerate(self._steps()))):
            add = [accum[0] and number == 0, *accum[1:]]
            function.backward([x, *self._tables], [y], add)

    @property
    def _native(self) -> Type[NativeQuantizer]:
        assert issubclass(self.quantizer, NativeQuantizer)
        return self.quantizer

    def _steps(self) -> Iterator[Tuple[Any, nn.Variable, nn.Variable]]:
        return zip(self._functions, self._chain, self._chain[1:])

    def _read(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        self._chain[0].data, self._chain[-1].data = inputs[0].data, outputs[0].data
        for own, given in zip(self._tables, inputs[1:]):
            own.data = given.data
