# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""What quantizers with fixed ranges have in common: weights in [-1, 1], activations in [0, 1].

Ranges are neither learned nor calibrated. Bits are fixed, or a parameter b, rounded to whole bits
in the forward pass: the loss has no gradient for it, a memory budget has. Activations of all of
them are, with k bits and n = 2**k - 1::

    Q(a) = round(n clip(a, 0, 1)) / n          gradient: 1 where 0 < a <= 1, 0 elsewhere

which takes the place of a ReLU; behind one it changes nothing below 1. Half is rounded away from
zero. Values are whole codes times the float32 number next to 1 / n: the largest is exactly 1.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import (
    Any,
    ClassVar,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
    TypeVar,
)

import nnabla as nn
import nnabla.functions as F
import numpy as np
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.encodings import Encoding
from nnabla_compress.kernels.affine import straight_through
from nnabla_compress.kernels.uniform import quantize
from nnabla_compress.quantizers.base import Quantizer, QuantizerFunction, Range, scope_name
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.quantizers.learned import (
    clip,
    name_in_scope,
    require_finite,
    write_gradient,
)
from nnabla_compress.quantizers.level_grid import LevelGrid

_JUST_ABOVE = 1 + 2.0**-21
_ABOVE_ZERO = np.nextafter(np.float32(0), np.float32(1))
_UnitRange = TypeVar("_UnitRange", bound="UnitRange")


class Grid(NamedTuple):
    """Evenly spaced values ``(i - zero_point) * scale``.

    Args:
        scale: Distance of neighbouring values, float32, shape (1,).
        zero_point: The code of 0, which may lie half way between two codes, likewise.
        lower: The lowest code minus the zero point, likewise.
        upper: The highest code minus the zero point, likewise.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class UnitRange(Quantizer):
    """A quantizer of weights to -1 ... 1, and of activations to 0 ... 1."""

    calibratable: ClassVar[Tuple[str, ...]] = ("weights",)
    scope: ClassVar[str]
    node_type: ClassVar[Type[UnitRangeFunction]]
    # The scale that is best where weights are not trained.
    keeping: ClassVar[str] = "max"

    bits: int
    scale: Optional[str]
    learn: Optional[str]
    min_bits: Optional[int]
    max_bits: Optional[int]

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the quantized ``x``: parameters of the current scope as weights.

        Learned bits are a parameter ``b`` in ``<scope>/dorefa`` or ``<scope>/wrpn``.
        """
        tensor, tensors = name_in_scope(x), [x]
        if self.learn is not None:
            scope = self.scope if tensor in ("", "W") else f"{self.scope}_{tensor}"
            start = np.full((1,), self.bits, np.float32)
            tensors.append(get_parameter_or_create(f"{scope}/b", (1,), start, True))
        args = dict(asdict(self), name=scope_name(), tensor=tensor)  # type: ignore[call-overload]
        return self.node_type(type(self), args, tensors).node()

    @classmethod
    def of(cls: Type[_UnitRange], args: Mapping[str, Any]) -> _UnitRange:
        """Returns the quantizer that the arguments of a node describe."""
        return cls(**{key: value for key, value in args.items() if key not in ("name", "tensor")})

    @classmethod
    def now(cls: Type[_UnitRange], args: Mapping[str, Any], inputs: Sequence[Any]) -> _UnitRange:
        """Returns the quantizer at the bits of now.

        Args:
            args: Arguments of the node.
            inputs: The tensor, and the bits where they are learned.
        """
        quantizer = cls.of(args)
        if quantizer.learn is None:
            return quantizer
        b = host_array(inputs[1].data, np.float32)
        require_finite(b, dict(args, tensor="b"))
        clip(b, quantizer.min_bits, quantizer.max_bits)
        return replace(quantizer, bits=int(np.floor(b[0] + 0.5)))  # type: ignore[type-var]

    @classmethod
    def learns_bits(cls, args: Mapping[str, Any]) -> bool:
        """Returns whether the bits of a node are a parameter."""
        return args["learn"] is not None

    @classmethod
    def bits_variable(cls, function: Any) -> nn.Variable:
        """Returns the whole bits of a node that learns them, with the gradient 1 to ``b``."""
        return F.round(function.inputs[1])

    @classmethod
    def take_a_bit(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Makes the bits of a node that learns them one fewer."""
        bits = cls.now(args, inputs).bits
        host_array(inputs[1].data, np.float32)[...] = bits - 1

    @classmethod
    def fit_bits(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], bits: int) -> None:
        """Gives a node that learns its bits these: what fits them follows from the weights."""
        host_array(inputs[1].data, np.float32)[...] = bits

    @classmethod
    def hold_bits(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], bits: int) -> None:
        """Brings a node that learns its bits back to these."""
        cls.fit_bits(args, inputs, bits)

    @classmethod
    def grid_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> LevelGrid:
        """Returns the levels of a weight, or of an activation from 0 to 1."""
        quantizer = cls.now(args, inputs)
        if args["tensor"]:
            return quantizer.weight_levels(host_array(inputs[0].data, np.float32))
        step, last = (np.array([v]) for v in (1 / _levels(quantizer.bits), _levels(quantizer.bits)))
        return LevelGrid(step, np.zeros(1), last)

    @classmethod
    def after_update(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], steps: int
    ) -> None:
        """Brings learned bits back between their limits."""
        cls.now(args, inputs)

    def refuses_calibration(self) -> Optional[str]:
        """Returns what to do instead where weights would lose their size."""
        if self.keeps_size:
            return None
        return (
            f"add scale={self.keeping}, which keeps the size of the weights, or train with --epochs"
        )

    @property
    def keeps_size(self) -> bool:
        """Whether quantized weights are as large as the float ones."""
        return self.scale is not None

    @classmethod
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Refuses weights that are not finite; there is nothing to initialise."""
        if args["tensor"]:
            require_finite(host_array(inputs[0].data, np.float32), args)

    @classmethod
    def settled(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Grid:
        """Returns the values that there are.

        Args:
            args: Arguments of the node.
            inputs: The tensor; an activation is not read.
        """
        if args["tensor"]:
            return cls.now(args, inputs).weight_grid(host_array(inputs[0].data, np.float32))
        bits = cls.now(args, inputs).bits
        return _grid(activation_step(bits), 0, _levels(bits))

    @classmethod
    def range_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Range:
        """Returns the step and the largest value; weights lie between the same, negative."""
        grid = cls.settled(args, inputs)
        return Range(float(grid.scale[0]), float(grid.scale[0] * grid.upper[0]))

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits of a code."""
        return cls.now(args, inputs).bits

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns codes from 0 up, a scale and a zero point.

        The tensor must be there: for activations, run the graph without clearing buffers.
        """
        args = function.info.args
        x = host_array(function.inputs[0].data, np.float32)
        require_finite(x, args)
        quantizer = cls.now(args, function.inputs)
        if args["tensor"]:
            return quantizer.encoded_weight(x)
        step, values = activation_step(quantizer.bits), np.empty_like(x)
        quantize_activation(x, quantizer.bits, values)
        codes = np.rint(values / step).astype(np.uint8)
        return Encoding(codes=codes, bits=quantizer.bits, scale=np.array(step))

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns ReLU, MulScalar, MinimumScalar, Round and MulScalar; for weights their method's.

        Bits, and the size of weights, as they are now become constants.
        """
        args = function.info.args
        quantizer = cls.now(args, function.inputs)
        if args["tensor"]:
            values = host_array(function.inputs[0].data, np.float32)
            return quantizer.weight_chain(inputs[0], values)
        return activation_chain(inputs[0], quantizer.bits)

    # What a method says about weights.

    def weight_levels(self, w: np.ndarray) -> LevelGrid:
        """Returns the levels that the weights ``w`` are rounded to."""
        raise NotImplementedError

    def weight_grid(self, w: np.ndarray) -> Grid:
        """Returns the values that the weights ``w`` can become."""
        raise NotImplementedError

    def quantize_weight(self, w: np.ndarray, out: np.ndarray) -> None:
        """Writes the quantized ``w`` to ``out``."""
        raise NotImplementedError

    def weight_gradient(
        self, w: np.ndarray, dy: np.ndarray, dw: np.ndarray, accumulate: bool
    ) -> None:
        """Writes the gradient of ``w`` to ``dw``, or adds it."""
        raise NotImplementedError

    def encoded_weight(self, w: np.ndarray) -> Encoding:
        """Returns how the quantized ``w`` is stored."""
        raise NotImplementedError

    def weight_chain(self, x: Any, values: np.ndarray) -> Any:
        """Returns what computes the quantized weight by functions of NNabla.

        Args:
            x: The weight, a Variable or NdArray.
            values: Its values now.
        """
        raise NotImplementedError

    def weight_gradient_composite(self, x: nn.NdArray, dy: nn.NdArray) -> nn.NdArray:
        """Returns the gradient of the weight by functions of NNabla, on the device."""
        raise NotImplementedError


class UnitRangeFunction(QuantizerFunction):
    """The node: a fused kernel, or a composite of ``F.*`` where arrays are not on the host."""

    quantizer: Type[UnitRange]
    _now: Any = None  # the quantizer of the last forward pass

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return True

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        quantizer = self._now = self.quantizer.now(self.args, inputs)
        is_weight = bool(self.args["tensor"])
        if self.on_cpu:
            x = host_array(inputs[0].data, np.float32)
            out = host_array(outputs[0].data, np.float32, overwrite=True)
            if is_weight:
                quantizer.quantize_weight(x.reshape(-1), out.reshape(-1))
            else:
                quantize_activation(x, quantizer.bits, out)
            return
        with nn.context_scope(self.ctx):
            x = inputs[0].data
            made = (
                quantizer.weight_chain(x, np.array(x.data))
                if is_weight
                else activation_chain(x, quantizer.bits)
            )
            F.identity(made, outputs=[outputs[0].data])

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if len(inputs) > 1 and propagate_down[1] and not accum[1]:
            inputs[1].grad.zero()
        if not propagate_down[0]:
            return
        quantizer, is_weight = self._now, bool(self.args["tensor"])
        if self.on_cpu:
            x = host_array(inputs[0].data, np.float32).reshape(-1)
            dy = host_array(outputs[0].grad, np.float32).reshape(-1)
            dx = host_array(inputs[0].grad, np.float32, overwrite=not accum[0]).reshape(-1)
            if is_weight:
                quantizer.weight_gradient(x, dy, dx, accum[0])
            else:
                pass_between(x, dy, _ABOVE_ZERO, np.float32(1), dx, accum[0])
            return
        with nn.context_scope(self.ctx):
            x, dy = inputs[0].data, outputs[0].grad
            if is_weight:
                gradient = quantizer.weight_gradient_composite(x, dy)
            else:
                gradient = passed_between(x, dy, float(_ABOVE_ZERO), 1.0)
            write_gradient(gradient, inputs[0].grad, accum[0])


def activation_step(bits: int) -> np.float32:
    """Returns the distance of neighbouring values of an activation.

    Args:
        bits: 1 to 8.

    Example:
        >>> float(activation_step(1)), round(float(activation_step(2)), 6)
        (1.0, 0.333333)
    """
    return np.float32(1) / np.float32(_levels(bits))


def quantize_activation(x: np.ndarray, bits: int, out: np.ndarray) -> None:
    """Writes ``round(n clip(x, 0, 1)) / n`` to ``out``.

    Args:
        x: float32, any shape.
        bits: 1 to 8.
        out: float32 of the same shape; overwritten. NaN stays NaN.

    Example:
        >>> x, out = np.float32([1.2, 0.5, 0.1, -0.7]), np.empty(4, np.float32)
        >>> quantize_activation(x, 2, out)
        >>> (3 * out).tolist()
        [3.0, 2.0, 0.0, 0.0]
    """
    levels = np.array([_levels(bits)], np.float32)
    step = np.array([activation_step(bits)])
    quantize(x.reshape(1, -1), step, levels, False, out.reshape(1, -1), levels)


def activation_chain(x: Any, bits: int) -> Any:
    """Returns an activation quantized by NNabla's functions.

    Args:
        x: Variable or NdArray.
        bits: 1 to 8.
    """
    levels = _levels(bits)
    return rounded_between(F.relu(x), levels, None, levels, float(activation_step(bits)))


def rounded_between(
    x: Any, inverse: float, lower: Optional[float], upper: float, step: float
) -> Any:
    """Returns ``step * round(clip(inverse * x, lower, upper))`` by NNabla's functions.

    NNabla's clipping has no gradient at its bound, the quantizers have: the bound is moved by an
    unnoticeable bit, which rounding takes away again.

    Args:
        x: Variable or NdArray.
        inverse: What it is multiplied by.
        lower: The lowest code; None where nothing is below 0.
        upper: The highest code.
        step: What codes are multiplied by.
    """
    h = F.mul_scalar(x, inverse)
    if lower is not None:
        h = F.maximum_scalar(h, lower * _JUST_ABOVE)
    return F.mul_scalar(F.round(F.minimum_scalar(h, upper * _JUST_ABOVE)), step)


def pass_between(
    x: np.ndarray,
    dy: np.ndarray,
    low: np.float32,
    high: np.float32,
    dx: np.ndarray,
    accumulate: bool,
) -> None:
    """Writes ``dy`` where ``low <= x <= high``, and 0 elsewhere.

    Args:
        x: float32, shape (N,).
        dy: Gradient, likewise.
        low: The smallest value that lets it pass.
        high: The largest one.
        dx: float32, shape (N,).
        accumulate: Add to ``dx`` instead of overwriting it.
    """
    values, gradient, out = (array.reshape(1, 1, -1) for array in (x, dy, dx))
    straight_through(values, gradient, np.array([low]), np.array([high]), out, accumulate)


def passed_between(x: nn.NdArray, dy: nn.NdArray, low: float, high: float) -> nn.NdArray:
    """Returns what :func:`pass_between` writes, by NNabla's functions on the device."""
    outside = F.add2(F.less_scalar(x, low), F.greater_scalar(x, high))
    return F.where(outside, F.mul_scalar(outside, 0), dy)


def _levels(bits: int) -> int:
    return int(2**bits) - 1


def _grid(step: Any, zero_point: float, top: float) -> Grid:
    numbers = (step, zero_point, -zero_point, top - zero_point)
    return Grid(*(np.array([number], np.float32) for number in numbers))


def evenly_spaced(step: Any, count: int) -> Grid:
    """Returns values around 0, as many below as above.

    Args:
        step: Distance of neighbouring ones.
        count: Their number less one.

    Example:
        >>> evenly_spaced(0.5, 3).lower.tolist()   # half a step beside 0
        [-1.5]
    """
    return _grid(step, count / 2, count)
