# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""Affine quantization: integer codes, a scale and a zero point, fixed by calibration.

With the scale s and the whole number z, the zero point, a tensor is stored as codes and computes as
its values::

    code = clip(round(x / s) + z, q_min, q_max)          value = (code - z) s

x is multiplied by the float32 reciprocal of s, half is rounded away from zero. 0 is a value always.
With b bits the codes are

==============================  ==================================  ===========
``symmetric, signed, narrow``   -(2**(b-1) - 1) .. 2**(b-1) - 1     z = 0
``symmetric, signed``           -2**(b-1) .. 2**(b-1) - 1           z = 0
``symmetric``                   0 .. 2**b - 1                       z = 0
not ``symmetric``               0 .. 2**b - 1                       0 .. 2**b - 1
==============================  ==================================  ===========

The gradient is passed on where the value is not clipped (straight-through), 0 elsewhere; scale and
zero point are not trained.

R. Krishnamoorthi, Quantizing deep convolutional networks for efficient inference: a whitepaper,
arXiv:1806.08342.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import (
    Any,
    ClassVar,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
    Type,
)

import nnabla as nn
import nnabla.functions as F
import numpy as np
from nnabla.parameter import get_parameter_or_create

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.kernels.affine import quantize, straight_through
from nnabla_compress.quantizers.along_axis import constant_along, scaled_along
from nnabla_compress.quantizers.base import Quantizer, QuantizerFunction, register, scope_name
from nnabla_compress.quantizers.choices import Choices
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.quantizers.learned import (
    name_in_scope,
    require_bits,
    require_choice,
    require_finite,
    sample,
    write_gradient,
)
from nnabla_compress.quantizers.level_grid import LevelGrid

SMALLEST_SCALE, LARGEST_SCALE = 2.0**-100, 2.0**100
_AT_ONCE = 1 << 18  # numbers
_JUST_ABOVE = 1 + 2.0**-21
_SHRINKINGS = np.concatenate([[1.0], np.arange(0.98, 0.28, -0.02)])


class AffineGrid(NamedTuple):
    """What the forward pass quantizes to: whole multiples of ``scale``.

    Args:
        scale: Positive float32, shape (1,) or (channels,).
        zero_point: Codes of the value 0, whole numbers as float32, of the same shape.
        lower: Lowest code minus the zero point, likewise.
        upper: Highest code minus the zero point, likewise.
    """

    scale: np.ndarray
    zero_point: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


class AffineFunction(QuantizerFunction):
    """The node of an affine quantizer."""

    quantizer: Type[Affine]
    _grid: Any = None  # of the last forward pass

    def grad_depends_input_data(self, i: int, j: int) -> bool:
        return True

    def forward_impl(self, inputs: List[nn.Variable], outputs: List[nn.Variable]) -> None:
        grid = self._grid = self.quantizer.settle(self.args, inputs)
        axis = self.args["axis"]
        if self.on_cpu:
            x = self.quantizer.tensor_of(self.args, inputs)
            out = host_array(outputs[0].data, np.float32, overwrite=True)
            quantize(blocks(x, axis), grid.scale, grid.lower, grid.upper, blocks(out, axis))
        else:
            with nn.context_scope(self.ctx):
                F.identity(_chain(inputs[0].data, grid, axis), outputs=[outputs[0].data])

    def backward_impl(
        self,
        inputs: List[nn.Variable],
        outputs: List[nn.Variable],
        propagate_down: List[bool],
        accum: List[bool],
    ) -> None:
        if not propagate_down[0]:
            return
        x, dy, axis = inputs[0], outputs[0].grad, self.args["axis"]
        bottom, top = _kept_range(self._grid)
        if self.on_cpu:
            dx = host_array(x.grad, np.float32, overwrite=not accum[0])
            straight_through(
                blocks(host_array(x.data, np.float32), axis),
                blocks(host_array(dy, np.float32), axis),
                bottom,
                top,
                blocks(dx, axis),
                accum[0],
            )
            return
        with nn.context_scope(self.ctx):
            shape = x.shape
            low, high = (F.broadcast(constant_along(v, x.data, axis), shape) for v in (bottom, top))
            outside = F.add2(F.less(x.data, low), F.greater(x.data, high))
            kept = F.where(outside, F.mul_scalar(outside, 0), dy)
            write_gradient(kept, x.grad, accum[0])


@register
@dataclass(frozen=True)
class Affine(Quantizer):
    """Equidistant values with a fixed scale and, if not symmetric, a zero point.

    Scale and zero point come from the first tensor seen, unless a calibration has set them: see
    :mod:`nnabla_compress.calibration`.

    Args:
        bits: 2 to 16.
        symmetric: Whether the zero point is 0. Suits weights; activations are best not symmetric.
        signed: Whether a symmetric quantizer has negative values.
        narrow: Whether a symmetric, signed quantizer leaves the code -2**(bits - 1) out, so that a
            product of two codes of 8 bits, negated, still fits the accumulator.
        scale: ``"real"``: any scale. ``"pow2"``: powers of two, so that a device scales by
            shifting.
        axis: The axis of the tensor along which each index has a scale and zero point of its own
            (the output channels: 0 for convolutions, 1 for affine layers); None for one for all.
        fit: How the first tensor sets the range. ``"min_max"``: its smallest and largest value.
            ``"mse"``: this range, shrunk to where the squared error is least.

    Raises:
        ConfigError: If an option is out of its range.

    Example:
        >>> x = nn.Variable.from_numpy_array(np.float32([-1, 0, 0.4, 2]))
        >>> nn.clear_parameters()
        >>> with nn.parameter_scope("a"):
        ...     y = Affine(bits=2, symmetric=False, fit="min_max")(x)
        >>> y.forward()
        >>> y.d.tolist(), Affine.encode(y.parent).codes.tolist()
        ([-1.0, 0.0, 0.0, 2.0], [0, 1, 1, 3])
        >>> sorted(nn.get_parameters(grad_only=False))
        ['a/affine/scale', 'a/affine/zero_point']
    """

    type_name: ClassVar[str] = "AffineQuantizer"
    calibratable: ClassVar[Tuple[str, ...]] = ("weights", "activations")
    scope: ClassVar[str] = "affine"
    node_type: ClassVar[Type[AffineFunction]] = AffineFunction

    bits: int = 8
    symmetric: bool = True
    signed: bool = True
    narrow: bool = True
    scale: str = "real"
    axis: Optional[int] = None
    fit: str = "mse"

    def __post_init__(self) -> None:
        require_bits("Affine", self.bits, 2, 16, None, None)
        require_choice("Affine", "scale", self.scale, ["real", "pow2"])
        require_choice("Affine", "fit", self.fit, ["min_max", "mse"])
        for name in ("symmetric", "signed", "narrow"):
            require_choice("Affine", name, getattr(self, name), [True, False])

    @property
    def codes(self) -> Tuple[int, int]:
        """The lowest and the highest code."""
        if not (self.symmetric and self.signed):
            return 0, 2**self.bits - 1
        top = 2 ** (self.bits - 1) - 1
        return (-top if self.narrow else -top - 1), top

    def __call__(self, x: nn.Variable) -> nn.Variable:
        """Returns the quantized ``x``; the parameters go into the current scope.

        Those of the weight ``W`` and of activations are in ``<scope>/affine``, those of another
        parameter of the layer beside it, as ``<scope>/affine_b``.
        """
        tensor = name_in_scope(x)
        scope = self.scope if tensor in ("", "W") else f"{self.scope}_{tensor}"
        args = dict(asdict(self), name=scope_name(), tensor=tensor)
        return self.node_type(type(self), args, [x, *self.state(x, scope)]).node()

    def state(self, x: nn.Variable, scope: str) -> List[nn.Variable]:
        """Returns the quantizer's parameters, created in the current scope where missing.

        Args:
            x: The tensor.
            scope: Where they are kept.

        Raises:
            ConfigError: If the tensor has no such axis.
        """
        shape: Tuple[int, ...] = (1,)
        if self.axis is not None:
            if isinstance(self.axis, bool) or not 0 <= self.axis < x.ndim:
                raise ConfigError(
                    f"{type(self).__name__}: axis is {self.axis!r}, the tensor has the shape "
                    f"{x.shape}.",
                    help=f"choose 0 to {x.ndim - 1}" if x.ndim else "leave axis out",
                )
            shape = (x.shape[self.axis],)
        unknown = np.full(shape, np.nan, np.float32)
        return [
            get_parameter_or_create(f"{scope}/{name}", shape, unknown, False)
            for name in ("scale", "zero_point")
        ]

    @classmethod
    def named_parameters(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]
    ) -> Dict[str, nn.Variable]:
        """Returns scale and zero point."""
        return dict(zip(("scale", "zero_point"), inputs[1:]))

    @classmethod
    def of(cls, args: Mapping[str, Any]) -> Affine:
        """Returns the quantizer that the arguments of a node describe."""
        return cls(
            **{key: value for key, value in args.items() if key not in ("name", "tensor", "fold")}
        )

    def scale_and_zero_point(self, low: Any, high: Any) -> Tuple[np.ndarray, np.ndarray]:
        """Returns what represents the range from ``low`` to ``high``, which is made to hold 0.

        Args:
            low: Smallest value, or one for each channel.
            high: Largest value, likewise.

        Returns:
            Scale and zero point, float32, shape (channels,). Channels without a range take the
            largest scale of the others, so that a bias in units of it keeps its precision.

        Example:
            >>> scale, zero_point = Affine(bits=8, symmetric=False).scale_and_zero_point(-1, 1.55)
            >>> round(float(scale[0]), 4), float(zero_point[0])
            (0.01, 100.0)
            >>> Affine(bits=8, scale="pow2").scale_and_zero_point(-1, 1.55)[0].tolist()
            [0.015625]
        """
        spread = self._spread(low, high)
        return self._representing(low, spread, float(spread.max()))

    def _spread(self, low: Any, high: Any) -> np.ndarray:
        """The scale with which the codes just reach the ends of a range, float64; 0 without one."""
        low = np.minimum(np.atleast_1d(np.asarray(low, np.float64)), 0)
        high = np.maximum(np.atleast_1d(np.asarray(high, np.float64)), 0)
        first, last = self.codes
        if not self.symmetric:
            return np.asarray((high - low) / (last - first))
        if self.signed:
            return np.asarray(np.maximum(high / last, low / first))
        return np.asarray(high / last)

    def _representing(
        self, low: Any, scale: np.ndarray, widest: float
    ) -> Tuple[np.ndarray, np.ndarray]:
        """As :meth:`scale_and_zero_point`, of some channels of a tensor.

        Args:
            low: Smallest value of each.
            scale: Spread of each.
            widest: The largest spread of all channels.
        """
        first, last = self.codes
        if widest:
            scale = np.where(scale > 0, scale, widest)
        else:
            scale = np.full(scale.shape, 1 / last)
        if self.scale == "pow2":
            scale = 2.0 ** np.ceil(np.log2(scale) - 1e-6)
        scale = np.clip(scale, SMALLEST_SCALE, LARGEST_SCALE)
        zero_point = np.zeros(scale.shape)
        if not self.symmetric:
            low = np.minimum(np.atleast_1d(np.asarray(low, np.float64)), 0)
            zero_point = np.clip(np.floor(first - low / scale + 0.5), first, last)
        return scale.astype(np.float32), zero_point.astype(np.float32)

    def fitted(self, x: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
        """Returns scale and zero point for a tensor, as ``fit`` says.

        Args:
            x: float32; with the channels along ``axis``.

        Returns:
            float32, shape (channels,).
        """
        given = blocks(x, self.axis)
        low, high = given.min(axis=(0, 2)), given.max(axis=(0, 2))
        if self.fit == "min_max":
            return self.scale_and_zero_point(low, high)
        widest = [float(self._spread(part * low, part * high).max()) for part in _SHRINKINGS]
        scale, zero_point = np.empty((2, len(low)), np.float32)
        step = max(1, _AT_ONCE * len(low) // max(x.size, 1))
        for start in range(0, len(low), step):
            channels = slice(start, start + step)
            rows = np.moveaxis(given[:, channels], 1, 0).reshape(len(low[channels]), -1)
            tried = []
            for part, most in zip(_SHRINKINGS, widest):
                ends = part * low[channels], part * high[channels]
                tried.append(self._representing(ends[0], self._spread(*ends), most))
            scale[channels], zero_point[channels] = self._best(
                np.ascontiguousarray(sample(rows)), tried
            )
        return scale, zero_point

    def _best(
        self, values: np.ndarray, tried: Sequence[Tuple[np.ndarray, np.ndarray]]
    ) -> Tuple[np.ndarray, np.ndarray]:
        """The scale and zero point of each row with the least squared error."""
        least, best = np.full(len(values), np.inf), tried[0]
        out = np.empty_like(values)
        for each in tried:
            grid = self.grid(*each)
            quantize(values[None], grid.scale, grid.lower, grid.upper, out[None])
            np.subtract(out, values, out=out)
            error = np.einsum("ij,ij->i", out, out, dtype=np.float64)
            better = error < least * (1 - 1e-9)
            scale, zero_point = (np.where(better, new, old) for new, old in zip(each, best))
            best = scale, zero_point
            least = np.where(better, error, least)
        return best

    def grid(self, scale: np.ndarray, zero_point: np.ndarray) -> AffineGrid:
        """Returns the codes counted from the zero point, for valid parameters.

        Args:
            scale: float32, shape (channels,).
            zero_point: Likewise.
        """
        first, last = self.codes
        lower = np.float32(first) - zero_point
        return AffineGrid(scale, zero_point, lower, np.float32(last) - zero_point)

    @classmethod
    def settle(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> AffineGrid:
        """Returns the grid; initialises scale and zero point from the tensor where they are NaN.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the parameters. The tensor is read only for initialising.

        Raises:
            TrainingError: If the tensor that they start from holds NaN or infinities.
            ConfigError: If the parameters mean nothing: a scale of 0, say.
        """
        scale, zero_point = (host_array(v.data, np.float32) for v in inputs[1:3])
        quantizer = cls.of(args)
        if np.isnan(scale).any() or np.isnan(zero_point).any():
            x = cls.tensor_of(args, inputs)
            require_finite(x, args)
            scale[...], zero_point[...] = quantizer.fitted(x)
        first, last = quantizer.codes
        whole = (zero_point == np.floor(zero_point)) & (zero_point >= first) & (zero_point <= last)
        if not (np.isfinite(scale) & (scale > 0)).all() or not whole.all():
            raise ConfigError(
                f"Affine of {args['name'] or '(no name)'}: scales from {scale.min():g} to "
                f"{scale.max():g} and zero points from {zero_point.min():g} to "
                f"{zero_point.max():g} can't be used with codes from {first} to {last}.",
                help="scales are positive, zero points are codes; remove the parameters to have "
                "them found again",
            )
        return quantizer.grid(scale.copy(), zero_point.copy())

    @classmethod
    def tensor_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> np.ndarray:
        """Returns what a node quantizes, float32.

        Args:
            args: Arguments of the node.
            inputs: The tensor and the parameters.
        """
        return host_array(inputs[0].data, np.float32)

    @classmethod
    def prepare(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> None:
        """Initialises the quantizer of a weight or bias; activations wait for the first batch."""
        if args["tensor"]:
            cls.settle(args, inputs)

    @classmethod
    def settled(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> AffineGrid:
        """Like :meth:`settle`, but never reads an activation: it may not be there.

        Raises:
            ConfigError: If the parameters of an activation still wait for their first batch.
        """
        if not args["tensor"] and np.isnan(host_array(inputs[1].data, np.float32)).any():
            raise ConfigError(
                f"Affine of {args['name'] or '(no name)'} has seen no batch yet, so its range is "
                "unknown.",
                help="run forward() on one batch of data first, or load calibrated parameters",
            )
        return cls.settle(args, inputs)

    @classmethod
    def set_range(
        cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable], low: float, high: float
    ) -> None:
        """Makes the codes cover the values from low to high.

        Args:
            args: Arguments of the node.
            inputs: Its inputs; scale and zero point change.
            low: 0 or less.
            high: 0 or more.
        """
        for variable, value in zip(inputs[1:], cls.of(args).scale_and_zero_point(low, high)):
            variable.d = value

    @classmethod
    def choices(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Optional[Choices]:
        """Returns the codes next to each weight times their scale; None for an activation.

        A weight becomes the value of its code, which its quantizer then finds again.
        """
        if not args["tensor"]:
            return None
        grid = cls.settle(args, inputs)

        def bounds() -> Tuple[np.ndarray, np.ndarray]:
            x, axis = cls.tensor_of(args, inputs), args["axis"]
            shape = [1] * x.ndim
            if axis is not None:
                shape[axis] = -1
            scale, _, first, last = (part.reshape(shape) for part in grid)
            lower = x / scale
            np.floor(np.clip(lower, first, last, out=lower), out=lower)
            np.minimum(lower, last - 1, out=lower)
            upper = lower + 1
            return np.multiply(lower, scale, out=lower), np.multiply(upper, scale, out=upper)

        def settle(values: np.ndarray, entries: Optional[np.ndarray]) -> None:
            host_array(inputs[0].data, np.float32)[...] = values

        return Choices(bounds, settle)

    @classmethod
    def grid_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> Optional[LevelGrid]:
        """Returns the multiples of the scale; None where a folded weight is rounded, not its own.

        A zero point moves no level: 0 is one always.
        """
        if "fold" in args:
            return None
        grid = cls.settle(args, inputs)
        return LevelGrid(grid.scale, grid.lower, grid.upper, axis=args["axis"])

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns the codes, their scale and their zero point.

        The tensor must be there: for activations, run the graph without clearing buffers.
        """
        args, inputs = function.info.args, function.inputs
        x, axis = cls.tensor_of(args, inputs), args["axis"]
        require_finite(x, args)
        grid = cls.settle(args, inputs)
        first, last = cls.of(args).codes
        kind = np.min_scalar_type(-last - 1) if first < 0 else np.min_scalar_type(last)
        codes = np.empty(x.shape, kind)
        given, made = blocks(x, axis), blocks(codes, axis)
        for part in _parts(given.shape):
            scale, zero, lower, upper = (t[part[1]] if len(t) > 1 else t for t in grid)
            values = np.empty(given[part].shape, np.float32)
            quantize(given[part], scale, lower, upper, values)
            # A product of code and scale is within half a step of the code it came from.
            values /= scale[:, None]
            made[part] = np.add(np.rint(values, out=values), zero[:, None], out=values)
        zero_point = grid.zero_point.astype(np.int32)
        same = bool((zero_point == zero_point[0]).all())
        return Encoding(
            codes=codes,
            bits=args["bits"],
            scale=np.array(grid.scale[0] if axis is None else grid.scale, np.float32),
            zero_point=int(zero_point[0]) if same else zero_point,
            axis=axis,
        )

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns MulScalar, Maximum/MinimumScalar, Round and MulScalar.

        Scale and zero point as they are now become constants. Codes are counted from the zero
        point, so nothing is added; clipping before rounding gives the same values as clipping the
        code, and the right gradient.
        """
        args = function.info.args
        return _chain(inputs[0], cls.settled(args, inputs), args["axis"])

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns the bits of a code."""
        return int(args["bits"])


def blocks(x: np.ndarray, axis: Optional[int]) -> np.ndarray:
    """Returns a view of a C-contiguous tensor as (outer, channels, inner).

    Example:
        >>> blocks(np.zeros((2, 3, 4, 5)), 1).shape, blocks(np.zeros((2, 3)), None).shape
        ((2, 3, 20), (1, 1, 6))
    """
    if axis is None:
        return x.reshape(1, 1, -1)
    inner = int(np.prod(x.shape[axis + 1 :], dtype=np.int64))
    return x.reshape(-1 if x.size else 0, x.shape[axis], inner)


def _parts(shape: Sequence[int]) -> Iterator[Tuple[slice, ...]]:
    """Contiguous parts of an array, not too large ones: along the first axis that is not 1."""
    axis = next((a for a, size in enumerate(shape) if size > 1), 0)
    size, whole = shape[axis], (slice(None),) * len(shape)
    step = max(1, _AT_ONCE // max(1, int(np.prod(shape[axis + 1 :], dtype=np.int64))))
    for start in range(0, size, step):
        yield (*whole[:axis], slice(start, start + step), *whole[axis + 1 :])


def _kept_range(grid: AffineGrid) -> Tuple[np.ndarray, np.ndarray]:
    """The values that are not clipped; at a bound of 0 there is no gradient, as ReLU's."""
    tiny = np.nextafter(np.float32(0), np.float32(1))
    bottom = np.where(grid.lower == 0, tiny, grid.scale * grid.lower)
    top = np.where(grid.upper == 0, -tiny, grid.scale * grid.upper)
    return bottom.astype(np.float32), top.astype(np.float32)


def _chain(x: Any, grid: AffineGrid, axis: Optional[int]) -> Any:
    """The quantizer by NNabla's functions, on Variables or NdArrays."""
    h = scaled_along(x, np.float32(1) / grid.scale, axis)
    # NNabla's clipping has no gradient at its bound, the quantizer has: the bound is moved by an
    # unnoticeable bit, which rounding takes away again.
    lower, upper = grid.lower * np.float32(_JUST_ABOVE), grid.upper * np.float32(_JUST_ABOVE)
    if (lower == lower[0]).all() and (upper == upper[0]).all():
        h = F.minimum_scalar(F.maximum_scalar(h, float(lower[0])), float(upper[0]))
    else:
        h = F.maximum2(h, constant_along(lower, h, axis))
        h = F.minimum2(h, constant_along(upper, h, axis))
    return scaled_along(F.round(h), grid.scale, axis)
