# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""Uniform quantization with learned step, range or bits (DQ: U1, U2, U3).

With a step d, the largest code N and the range q = N d the quantizer is::

    Q(x) = sign(x) d floor(|x| / d + 1/2)  where |x| <= q,      sign(x) q  elsewhere
    N = 2**(b-1) - 1 (signed, 2 N + 1 levels)      N = 2**b - 1 (unsigned: 0 for x <= 0)

Two of (b, d, q) are parameters, or the range alone at fixed bits. With e = Q(x) - x and M = b - 1
(unsigned: b), the derivatives of Q are

=============  =====================================  =======================================
``learn``      where abs(x) <= q                      elsewhere (unsigned: x > q)
=============  =====================================  =======================================
``"d_qmax"``   d: e / d,  q_max: 0                    d: 0,  q_max: sgn(x)
``"b_d"``      b: 0,  d: e / d                        b: sgn(x) 2**M ln2 d,  d: sgn(x) N
``"b_qmax"``   b: -2**M ln2 / N e,  q_max: e / q      b: 0,  q_max: sgn(x)
``"qmax"``     q_max: e / q                           q_max: sgn(x)
all            x: 1                                   x: 0
=============  =====================================  =======================================

Where this deviates from the published code, on purpose:

* ``"d_qmax"``: the range is snapped to whole steps, N = round(q_max / d), so what is stored decodes
  to exactly what was trained, and the derivatives hold exactly. The stored bits are the paper's
  formula ceil(log2(q / d + 1) + 1) at the snapped range; the published code applies it to the
  range as it is and so counts one bit too many just above each power of two.
* ``step="pow2"``: the derivative by d is that of the table at the rounded step and goes to the
  float copy unchanged; the published composition picks up a factor d_rounded / d.
* The limits of the bits hold in every parametrization: where ``"d_qmax"`` leaves them, the range
  is kept and the step follows. The published code does not enforce the upper one.
* Weights start from the step with the least squared error. The published code starts from their
  largest magnitude, which at 2 and 3 bits leaves most weights at zero.
* x is multiplied by the float32 reciprocal of the step, as devices do, instead of divided.
* Unsigned: the derivative by x at exactly 0 is 0, as ReLU's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.kernels.uniform import gradients, quantize
from nnabla_compress.quantizers.along_axis import constant_along, scaled_along
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.quantizers.learned import (
    LearnedFunction,
    LearnedQuantizer,
    Values,
    clip,
    require_bits,
    require_choice,
    require_finite,
    require_positive,
    sample,
    write_gradient,
)
from nnabla_compress.quantizers.level_grid import LevelGrid

SMALLEST_STEP, LARGEST_STEP = 2.0**-20, 2.0**20
_STEP_WITHOUT_DATA = 2.0**-3  # what the paper starts activations and networks from scratch with
_JUST_ABOVE = 1 + 2.0**-21
_ENCODED = 1 << 20  # values that are encoded at a time


class UniformGrid(NamedTuple):
    """What the forward pass quantizes to: whole multiples of ``step`` up to ``limit``.

    Args:
        step: Steps, float32, shape (1,) or (channels,).
        limit: Largest codes, whole numbers as float32, of the same shape.
        bits: Bits a code takes when stored.
    """

    step: np.ndarray
    limit: np.ndarray
    bits: int

    @property
    def finest(self) -> np.ndarray:
        """The steps: what gradients are bounded by when training for a budget."""
        return self.step

    @property
    def largest(self) -> np.ndarray:
        """The largest values, code times step."""
        return self.step * self.limit


class UniformFunction(LearnedFunction):
    """The node of a uniform quantizer."""

    def forward_kernel(self, grid: UniformGrid, x: np.ndarray, out: np.ndarray) -> None:
        rows, rows_out = _rows(x, self.args["axis"]), _rows(out, self.args["axis"])
        quantize(rows, grid.step, grid.limit, self.args["signed"], rows_out)
        _write_back(rows_out, out, self.args["axis"])

    def backward_kernel(
        self,
        grid: UniformGrid,
        x: np.ndarray,
        dy: np.ndarray,
        dx: Optional[np.ndarray],
        accumulate: bool,
    ) -> Tuple[np.ndarray, np.ndarray]:
        axis = self.args["axis"]
        rows_dx = None if dx is None else _rows(dx, axis)
        sums = gradients(
            _rows(x, axis),
            _rows(dy, axis),
            grid.step,
            grid.limit,
            self.args["signed"],
            rows_dx,
            accumulate,
        )
        if rows_dx is not None and dx is not None:
            _write_back(rows_dx, dx, axis)
        return sums

    def forward_composite(self, grid: UniformGrid, x: nn.NdArray, out: nn.NdArray) -> None:
        F.identity(_chain(x, grid, self.args["signed"], self.args["axis"]), outputs=[out])

    def backward_composite(
        self,
        grid: UniformGrid,
        x: nn.NdArray,
        dy: nn.NdArray,
        dx: Optional[nn.NdArray],
        accumulate: bool,
    ) -> Tuple[nn.NdArray, nn.NdArray]:
        signed, axis = self.args["signed"], self.args["axis"]
        top = grid.step * grid.limit
        if axis is None:
            high = F.greater_scalar(x, float(top[0]))
            low = F.less_scalar(x, -float(top[0])) if signed else F.less_equal_scalar(x, 0)
        else:
            high = F.greater(x, F.broadcast(constant_along(top, x, axis), x.shape))
            low = F.less_equal_scalar(x, 0)
            if signed:
                low = F.less(x, F.broadcast(constant_along(-top, x, axis), x.shape))
        zeros = F.mul_scalar(high, 0)
        kept = F.where(F.add2(high, low), zeros, dy)
        if dx is not None:
            write_gradient(kept, dx, accumulate)
        quantized = _chain(x, grid, signed, axis)
        # Where x is infinite the error is, too: it is not used there.
        error = F.where(F.add2(high, low), zeros, F.sub2(quantized, x))
        outside = F.where(high, dy, zeros)
        if signed:
            outside = F.sub2(outside, F.where(low, dy, zeros))
        axes = [i for i in range(len(x.shape)) if i != axis]
        shape = grid.step.shape
        inside = F.reshape(F.sum(F.mul2(kept, error), axes), shape)
        return inside, F.reshape(F.sum(outside, axes), shape)


@register
@dataclass(frozen=True)
class Uniform(LearnedQuantizer):
    """Equidistant values around zero, with learned step, range or bits.

    Args:
        bits: Bits to start from, or fixed ones: 2 to 16 if signed, 1 to 16 if not.
        signed: Whether there are negative values; False suits what a ReLU has passed.
        learn: ``"d_qmax"``: step and range, from which the bits follow (the paper's choice: its
            gradients are bounded). ``"b_d"``: bits and step. ``"b_qmax"``: bits and range.
            ``"qmax"``: the range at fixed bits. None: nothing, the step of the first tensor stays.
        step: ``"real"``: any step. ``"pow2"``: the forward pass rounds the step to a power of two,
            so that a device scales by shifting.
        axis: The axis of the tensor along which each index has a step and range of its own (the
            output channels: 0 for convolutions, 1 for affine layers); None for one for all. Not
            with ``"d_qmax"``, where each channel would come to bits of its own.
        min_bits: Fewest bits to learn. Default: 2 if signed, 1 if not.
        max_bits: Most bits to learn. Default: 8, at most 16.
        initial_step: The step to start from; by default it is fitted to the tensor present at the
            first forward pass.
        rate: Share of the solver's learning rate that step, range and bits learn with, above 0.
            Solvers that divide gradients by their size, such as Adam, undo it.
        gradients: ``"bounded"``: before an update the gradients of step and range are cut off at
            the step, as the code published with DQ does. ``"normalized"``: they are multiplied by
            1 / sqrt(n N) instead, with n values a step and the largest code N (S. K. Esser et al.,
            Learned Step Size Quantization, ICLR 2020, arXiv:1902.08153); for ``learn="qmax"``,
            with ``rate=1``.

    Raises:
        ConfigError: If an option is out of its range.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 8)), 16, apply_w=Uniform(bits=2), name="fc")
        >>> y.forward()
        >>> sorted(name for name in nn.get_parameters() if "uniform" in name)
        ['fc/affine/uniform/d', 'fc/affine/uniform/q_max']
        >>> len(np.unique(y.parent.inputs[1].d))
        3
    """

    type_name: ClassVar[str] = "Uniform"
    scope: ClassVar[str] = "uniform"
    node_type: ClassVar[Any] = UniformFunction
    parameters: ClassVar[Mapping[Optional[str], Tuple[str, ...]]] = {
        "d_qmax": ("d", "q_max"),
        "b_d": ("b", "d"),
        "b_qmax": ("b", "q_max"),
        "qmax": ("q_max",),
        None: ("d",),
    }

    bits: int = 4
    signed: bool = True
    learn: Optional[str] = "d_qmax"
    step: str = "real"
    axis: Optional[int] = None
    min_bits: Optional[int] = None
    max_bits: Optional[int] = None
    initial_step: Optional[float] = None
    rate: float = 0.1
    gradients: str = "bounded"

    def __post_init__(self) -> None:
        require_choice("Uniform", "learn", self.learn, list(self.parameters))
        require_choice("Uniform", "gradients", self.gradients, ["bounded", "normalized"])
        require_choice("Uniform", "step", self.step, ["real", "pow2"])
        require_positive("Uniform", "initial_step", self.initial_step)
        require_positive("Uniform", "rate", self.rate)
        least = 2 if self.signed else 1
        low, high = require_bits("Uniform", self.bits, least, 16, self.min_bits, self.max_bits)
        object.__setattr__(self, "min_bits", low)
        object.__setattr__(self, "max_bits", high)
        if self.axis is not None and self.learn == "d_qmax":
            raise ConfigError(
                f"Uniform: learn='d_qmax' with axis={self.axis} would give each channel bits of "
                "its own, which no stored tensor has.",
                help="choose learn='b_d', 'b_qmax', 'qmax' or None, or leave axis out",
            )
        if self.gradients == "normalized" and self.learn not in ("qmax", None):
            raise ConfigError(
                f"Uniform: gradients='normalized' with learn={self.learn!r}: where bits are "
                "learned, step and range then run away from each other.",
                help="choose learn='qmax', a learned range at fixed bits, or gradients='bounded'",
            )

    def for_bias(self) -> Uniform:
        """Returns the same with one step: a bias has one value a channel."""
        return replace(self, axis=None)

    def parameter_shape(self, x: nn.Variable) -> Tuple[int, ...]:
        """Returns (1,), or the length of ``axis``."""
        if self.axis is None:
            return (1,)
        if isinstance(self.axis, bool) or not 0 <= self.axis < x.ndim:
            raise ConfigError(
                f"Uniform: axis is {self.axis!r}, the tensor has the shape {x.shape}.",
                help=f"choose 0 to {x.ndim - 1}",
            )
        return (x.shape[self.axis],)

    def initial(self, x: np.ndarray) -> Mapping[str, Any]:
        """Returns the parameters of the step that fits ``x``, at ``bits`` bits."""
        limit = self._limit(self.bits)
        if self.initial_step is not None:
            step = np.full(1, float(self.initial_step))
        else:
            rows = _rows(x, self.axis)
            rows = np.abs(rows) if self.signed else np.maximum(rows, 0)
            step = fitted_step(rows, limit, self.step == "pow2")
        step = np.clip(step, SMALLEST_STEP, LARGEST_STEP)
        return {"b": float(self.bits), "d": step, "q_max": step * limit}

    def project(self, values: Values) -> None:
        """Clips bits, step and range; in ``"d_qmax"`` the step follows the range."""
        low, high = self._limits()
        if "b" in values:
            clip(values["b"], self.min_bits, self.max_bits)
        if "d" in values:
            clip(values["d"], SMALLEST_STEP, LARGEST_STEP)
        if "q_max" in values:
            q_max = values["q_max"]
            most = high if self.learn == "d_qmax" else self._limit(self._bits(values))
            least = low if self.learn == "d_qmax" else most
            clip(q_max, SMALLEST_STEP * least, LARGEST_STEP * most)
        if self.learn == "d_qmax":
            d, q_max = values["d"], values["q_max"]
            exact = q_max.astype(np.float64)
            clip(d, exact / high, exact / low)
            clip(d, SMALLEST_STEP, LARGEST_STEP)
            step = self._stored(d).astype(np.float64)
            clip(q_max, low * step, high * step)

    def rounded(self, values: Values) -> UniformGrid:
        """Returns the step as stored and the largest code."""
        if self.learn == "d_qmax":
            low, high = self._limits()
            step = self._stored(values["d"])
            ratio = values["q_max"].astype(np.float64) / step
            limit = np.minimum(np.maximum(np.floor(ratio + 0.5), low), high)
        else:
            limit = np.float64(self._limit(self._bits(values)))
            d = values["d"] if "d" in values else values["q_max"].astype(np.float64) / limit
            step = self._stored(d)
        limit = np.broadcast_to(limit, step.shape).astype(np.float32)
        return UniformGrid(step, limit, int(limit.max()).bit_length() + int(self.signed))

    def coarser(self, grid: UniformGrid) -> Mapping[str, Any]:
        """Returns the same range in steps of one bit less."""
        limit = self._limit(grid.bits - 1)
        range_ = grid.largest.astype(np.float64)
        step = self._stored((range_ / limit).astype(np.float32)).astype(np.float64)
        return {"b": float(grid.bits - 1), "d": step, "q_max": np.minimum(range_, step * limit)}

    def refitted(self, x: np.ndarray, bits: int) -> Mapping[str, Any]:
        """Returns the parameters of the step that fits ``x`` at ``bits`` bits."""
        return replace(self, bits=bits, initial_step=None).initial(x)

    def coefficients(self, grid: UniformGrid) -> Mapping[str, Tuple[Any, Any]]:
        """Returns what the sums of ``dy e`` (inside) and ``dy sgn(x)`` (outside) count."""
        d, limit = grid.step.astype(np.float64), grid.limit.astype(np.float64)
        levels = limit + 1  # 2**M
        shares: Dict[str, Dict[str, Tuple[Any, Any]]] = {
            "d_qmax": {"d": (1 / d, 0.0), "q_max": (0.0, 1.0)},
            "b_d": {"b": (0.0, levels * math.log(2) * d), "d": (1 / d, limit)},
            "b_qmax": {"b": (-levels * math.log(2) / limit, 0.0), "q_max": (1 / (limit * d), 1.0)},
            "qmax": {"q_max": (1 / (limit * d), 1.0)},
        }
        return shares[self.learn] if self.learn is not None else {"d": (0.0, 0.0)}

    def gradient_scale(self, grid: UniformGrid, count: int) -> Optional[np.ndarray]:
        """Returns 1 / sqrt(n N), n values a step, where gradients are normalized."""
        if self.gradients != "normalized":
            return None
        values = count / len(grid.step)
        return np.asarray(1 / np.sqrt(values * grid.limit), np.float32)

    def bit_slopes(self, values: Values) -> Mapping[str, np.ndarray]:
        """Returns the derivatives of log2(q_max / d + 1), or 1 for bits of their own."""
        if "b" in values:
            return {"b": np.ones(1)}
        if self.learn != "d_qmax":
            return {}
        grid = self.rounded(values)
        d, limit = grid.step.astype(np.float64), grid.limit.astype(np.float64)
        by_range = 1 / (math.log(2) * (limit + 1) * d)
        return {"q_max": by_range, "d": -limit * by_range}

    @classmethod
    def grid_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> LevelGrid:
        """Returns the multiples of the step from -N to N, or from 0 to N."""
        grid = cls.settle(args, inputs)
        first = -grid.limit if args["signed"] else np.zeros_like(grid.limit)
        return LevelGrid(grid.step, first, grid.limit, axis=args["axis"])

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns whole codes from -N to N, or 0 to N, and the step as their scale.

        The tensor must be there: for activations, run the graph without clearing buffers.
        """
        args, inputs = function.info.args, function.inputs
        x, axis = host_array(inputs[0].data, np.float32), args["axis"]
        require_finite(x, args)
        grid = cls.settle(args, inputs)
        peak = int(grid.limit.max())
        kind: Any = np.int32
        if peak <= (127 if args["signed"] else 255):
            kind = np.int8 if args["signed"] else np.uint8
        rows = _rows(x, axis)
        codes = np.empty(rows.shape, kind)
        step = max(1, _ENCODED // max(len(rows), 1))
        for start in range(0, rows.shape[1], step):  # not all as floats at once
            part = np.ascontiguousarray(rows[:, start : start + step])
            values = np.empty_like(part)
            quantize(part, grid.step, grid.limit, args["signed"], values)
            # A product of code and step is within half a step of the code it came from.
            codes[:, start : start + step] = np.rint(values / grid.step[:, None]).astype(kind)
        out = np.empty(x.shape, kind)
        _write_back(codes, out, axis)
        scale = grid.step[0] if axis is None else grid.step
        return Encoding(codes=out, bits=grid.bits, scale=np.array(scale, np.float32), axis=axis)

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns MulScalar, Maximum/MinimumScalar (unsigned: ReLU), Round and MulScalar.

        The step and the largest code as they are now become constants. Clipping before rounding
        gives the same values as clipping the code, and the right gradient.
        """
        args = function.info.args
        grid = cls.settled(args, inputs)
        return _chain(inputs[0], grid, args["signed"], args["axis"])

    def _limit(self, bits: int) -> int:
        """The largest code of ``bits`` bits."""
        return int(2 ** (bits - int(self.signed)) - 1)

    def _limits(self) -> Tuple[int, int]:
        """The smallest and the largest N whose stored bits are within the limits."""
        assert self.min_bits is not None and self.max_bits is not None
        return (self._limit(self.min_bits) + 1) // 2, self._limit(self.max_bits)

    def _bits(self, values: Values) -> int:
        return int(math.floor(float(values["b"][0]) + 0.5)) if "b" in values else self.bits

    def _stored(self, d: np.ndarray) -> np.ndarray:
        """The step as the forward pass uses it, float32."""
        if self.step == "pow2":
            d = 2.0 ** np.floor(np.log2(d.astype(np.float64)) + 0.5)
        return np.minimum(np.maximum(d, SMALLEST_STEP), LARGEST_STEP).astype(np.float32)


def fitted_step(magnitudes: np.ndarray, limit: int, power_of_two: bool) -> np.ndarray:
    """Returns, of a range of steps, that with the least squared error for each row.

    Args:
        magnitudes: |x|, shape (channels, n).
        limit: Largest code.
        power_of_two: Whether only powers of two are tried.

    Returns:
        float64, shape (channels,); 1/8 for rows of zeros.

    Example:
        >>> fitted_step(np.float32([[1, 2, 3], [0, 0, 0]]), 3, True).tolist()
        [1.0, 0.125]
    """
    peak = magnitudes.max(axis=1).astype(np.float64)
    full = np.where(peak > 0, peak, 1) / limit
    if power_of_two:
        candidates = 2.0 ** (np.ceil(np.log2(full)) - np.arange(8)[:, None])
    else:
        candidates = full * np.geomspace(0.05, 1, 48)[:, None]
    values = sample(magnitudes)
    best, least = np.empty_like(full), np.full(full.shape, np.inf)
    for steps in candidates[::-1] if not power_of_two else candidates:
        column = steps.astype(np.float32)[:, None]
        error = values - column * np.minimum(np.floor(values / column + np.float32(0.5)), limit)
        squares = np.square(error).mean(axis=1, dtype=np.float64)
        best, least = np.where(squares < least, steps, best), np.minimum(squares, least)
    return np.where(peak > 0, best, _STEP_WITHOUT_DATA)


def _chain(x: Any, grid: UniformGrid, signed: bool, axis: Optional[int]) -> Any:
    """The quantizer by NNabla's functions, on Variables or NdArrays."""
    step, inverse = grid.step, np.float32(1) / grid.step
    # The largest codes differ only where the steps do not: one serves all channels.
    limit = float(grid.limit[0])
    # NNabla's clipping has no gradient at its bound, Q has: the bound is moved by an unnoticeable
    # bit, which rounding takes away again.
    h = x if signed else F.relu(x)
    h = scaled_along(h, inverse, axis)
    if signed:
        h = F.maximum_scalar(h, -limit * _JUST_ABOVE)
    h = F.round(F.minimum_scalar(h, limit * _JUST_ABOVE))
    return scaled_along(h, step, axis)


def _rows(x: np.ndarray, axis: Optional[int]) -> np.ndarray:
    """The tensor with its channels first, shape (channels, n): a view where that is possible."""
    if axis is None:
        return x.reshape(1, -1)
    return np.ascontiguousarray(np.moveaxis(x, axis, 0)).reshape(x.shape[axis], -1)


def _write_back(rows: np.ndarray, out: np.ndarray, axis: Optional[int]) -> None:
    """Writes rows as ``_rows`` made them into the tensor, unless they are a view of it."""
    if np.shares_memory(rows, out):
        return
    if axis is None:
        out[...] = rows.reshape(out.shape)
    else:
        moved = np.moveaxis(out, axis, 0)
        moved[...] = rows.reshape(moved.shape)
