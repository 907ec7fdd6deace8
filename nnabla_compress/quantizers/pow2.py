# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""Quantization to powers of two with learned range or bits (DQ: P1, P2, P3).

With q_min and q_max powers of two the quantizer is::

    Q(x) = sign(x) q_min                          where |x| <= q_min
    Q(x) = sign(x) 2**floor(1/2 + log2|x|)        where q_min < |x| <= q_max
    Q(x) = sign(x) q_max                          elsewhere

A value takes M bits for its exponent, q_max = 2**(2**M - 1) q_min at most, one bit for its sign if
signed, and one for being exactly zero if there is a zero: then |x| < q_min / sqrt(2) becomes 0. The
derivatives of Q, on the three branches, are (where Q(x) = 0, all are 0)

================  ===================================  ===========  ===============================
``learn``         abs(x) <= q_min                      between      abs(x) > q_max
================  ===================================  ===========  ===============================
``"qmin_qmax"``   q_min: s                             0            q_max: s
``"b_qmax"``      b: -s (ln2)**2 2**M q_min,           0            q_max: s
                  q_max: s 2**-(2**M - 1)
``"b_qmin"``      q_min: s                             0            b: s (ln2)**2 2**M q_max,
                                                                    q_min: s 2**(2**M - 1)
``"qmax"``        q_max: s 2**-(2**M - 1)              0            q_max: s
all               x: 0                                 abs(Q / x)   x: 0
================  ===================================  ===========  ===============================

with s = sgn(x). Where this deviates from the published code, on purpose:

* Without a zero, x = 0 becomes +q_min and s = 1; the published code's gradient there is NaN.
* The rounding looks at the bits of the number, so it is exact: a logarithm in float32 errs on some
  values near sqrt(2) 2**k.
* Derivatives are taken at the rounded q_min and q_max and go to their float copies unchanged.
* The limits of the bits hold in every parametrization: where ``"qmin_qmax"`` leaves them, q_max is
  kept and q_min follows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Dict, Mapping, NamedTuple, Optional, Sequence, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.kernels.power_of_two import gradients, quantize
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.engine import host_array
from nnabla_compress.quantizers.learned import (
    LearnedFunction,
    LearnedQuantizer,
    Values,
    require_bits,
    require_choice,
    require_finite,
    require_positive,
    sample,
    write_gradient,
)

_LOWEST, _HIGHEST = -60, 60  # exponents: far inside float32, and their span holds 64 levels
_MOST_EXPONENT_BITS = 6
_ABOVE_SQRT2 = float(np.nextafter(np.float32(math.sqrt(2)), np.float32(2)))
_JUST_ABOVE = 1 + 2.0**-21


class Levels(NamedTuple):
    """What the forward pass quantizes to: the powers of two from ``q_min`` to ``q_max``.

    Args:
        q_min: Smallest magnitude besides 0.
        q_max: Largest magnitude.
        exponent_bits: M, the bits that number the magnitudes.
        bits: Bits of a value when stored, with sign and zero.
    """

    q_min: float
    q_max: float
    exponent_bits: int
    bits: int

    @property
    def finest(self) -> float:
        """What gradients are bounded by when training for a budget."""
        return self.q_min

    @property
    def largest(self) -> float:
        """The largest value."""
        return self.q_max


class Pow2Function(LearnedFunction):
    """The node of a power-of-two quantizer."""

    def forward_kernel(self, grid: Levels, x: np.ndarray, out: np.ndarray) -> None:
        quantize(x, grid.q_min, grid.q_max, self.args["signed"], self.args["zero"], out)

    def backward_kernel(
        self,
        grid: Levels,
        x: np.ndarray,
        dy: np.ndarray,
        dx: Optional[np.ndarray],
        accumulate: bool,
    ) -> Tuple[np.ndarray, np.ndarray]:
        signed, zero = self.args["signed"], self.args["zero"]
        low, high = gradients(x, dy, grid.q_min, grid.q_max, signed, zero, dx, accumulate)
        return np.array([low]), np.array([high])

    def forward_composite(self, grid: Levels, x: nn.NdArray, out: nn.NdArray) -> None:
        signed, zero = self.args["signed"], self.args["zero"]
        F.identity(_chain(x, grid, signed, zero), outputs=[out])

    def backward_composite(
        self,
        grid: Levels,
        x: nn.NdArray,
        dy: nn.NdArray,
        dx: Optional[nn.NdArray],
        accumulate: bool,
    ) -> Tuple[nn.NdArray, nn.NdArray]:
        signed, zero = self.args["signed"], self.args["zero"]
        size = F.abs(x) if signed else F.relu(x)
        high = F.greater_scalar(size, grid.q_max)
        low = F.less_equal_scalar(size, grid.q_min)
        zeros = F.mul_scalar(high, 0)
        quantized = F.abs(_chain(x, grid, signed, zero))
        if dx is not None:
            inside = F.maximum_scalar(F.minimum_scalar(size, grid.q_max), grid.q_min)
            slope = F.mul2(dy, F.div2(quantized, inside))
            write_gradient(F.where(F.add2(high, low), zeros, slope), dx, accumulate)
        if signed:
            dy = F.mul2(dy, F.sign(x, 1.0))
        else:
            dy = F.mul2(dy, F.greater_equal_scalar(x, 0))
        if zero:
            low = F.mul2(low, F.greater_scalar(quantized, 0))
        axes = list(range(len(x.shape)))
        sums = (F.sum(F.where(branch, dy, zeros), axes) for branch in (low, high))
        below, above = (F.reshape(total, (1,)) for total in sums)
        return below, above


@register
@dataclass(frozen=True)
class Pow2(LearnedQuantizer):
    """Plus and minus powers of two, with learned range or bits: multiplications become shifts.

    Args:
        bits: Bits to start from, or fixed ones: M bits for the exponent, M = 0 to 6, one for the
            sign if signed, one for zero if there is one; at least 1.
        signed: Whether there are negative values; False suits what a ReLU has passed.
        zero: Whether exactly 0 is one of the values. Default: for unsigned ones.
        learn: ``"qmin_qmax"``: smallest and largest magnitude, from which the bits follow (the
            paper's choice). ``"b_qmax"``: bits and largest magnitude. ``"b_qmin"``: bits and
            smallest magnitude; its gradients grow doubly exponentially with the bits. ``"qmax"``:
            the largest magnitude at fixed bits. None: nothing.
        min_bits: Fewest bits to learn. Default: the fewest that sign and zero leave.
        max_bits: Most bits to learn. Default: 8.
        initial_q_max: The largest magnitude to start from; by default it is fitted to the tensor
            present at the first forward pass.
        rate: Share of the solver's learning rate that step, range and bits learn with, above 0.
            Solvers that divide gradients by their size, such as Adam, undo it.

    Raises:
        ConfigError: If an option is out of its range.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 8)), 16, apply_w=Pow2(bits=3), name="fc")
        >>> y.forward()
        >>> sorted(name for name in nn.get_parameters() if "pow2" in name)
        ['fc/affine/pow2/q_max', 'fc/affine/pow2/q_min']
        >>> set(np.log2(np.abs(y.parent.inputs[1].d)).ravel() % 1)
        {0.0}
    """

    type_name: ClassVar[str] = "Pow2"
    scope: ClassVar[str] = "pow2"
    node_type: ClassVar[Any] = Pow2Function
    parameters: ClassVar[Mapping[Optional[str], Tuple[str, ...]]] = {
        "qmin_qmax": ("q_min", "q_max"),
        "b_qmax": ("b", "q_max"),
        "b_qmin": ("b", "q_min"),
        "qmax": ("q_max",),
        None: ("q_max",),
    }

    bits: int = 4
    signed: bool = True
    zero: Optional[bool] = None
    learn: Optional[str] = "qmin_qmax"
    min_bits: Optional[int] = None
    max_bits: Optional[int] = None
    initial_q_max: Optional[float] = None
    rate: float = 0.1

    def __post_init__(self) -> None:
        require_choice("Pow2", "learn", self.learn, list(self.parameters))
        require_positive("Pow2", "initial_q_max", self.initial_q_max)
        require_positive("Pow2", "rate", self.rate)
        if self.zero is None:
            object.__setattr__(self, "zero", not self.signed)
        most = self._flags + _MOST_EXPONENT_BITS
        low, high = require_bits(
            "Pow2", self.bits, max(self._flags, 1), most, self.min_bits, self.max_bits
        )
        object.__setattr__(self, "min_bits", low)
        object.__setattr__(self, "max_bits", high)

    def initial(self, x: np.ndarray) -> Mapping[str, Any]:
        """Returns the parameters of the range that fits ``x``, at ``bits`` bits."""
        levels = 2 ** (self.bits - self._flags)
        if self.initial_q_max is not None:
            exponent = round(math.log2(self.initial_q_max))
        else:
            exponent = self._fitted_exponent(sample(x.reshape(1, -1)), levels)
        exponent = int(np.clip(exponent, _LOWEST + levels - 1, _HIGHEST))
        q_min = 2.0 ** (exponent - levels + 1)
        return {"b": float(self.bits), "q_min": q_min, "q_max": 2.0**exponent}

    def refitted(self, x: np.ndarray, bits: int) -> Mapping[str, Any]:
        """Returns the parameters of the range that fits ``x`` at ``bits`` bits."""
        return replace(self, bits=bits, initial_q_max=None).initial(x)

    def _fitted_exponent(self, x: np.ndarray, levels: int) -> int:
        """The exponent of the q_max with the least squared error; 0 for zeros."""
        magnitudes = np.abs(x) if self.signed else np.maximum(x, 0)
        peak = float(magnitudes.max())
        if peak == 0:
            return 0
        best, least, out = 0, math.inf, np.empty_like(x)
        top = int(np.clip(math.ceil(math.log2(peak)), _LOWEST + levels + 4, _HIGHEST))
        for exponent in range(top, top - 5, -1):
            q_min = 2.0 ** (exponent - levels + 1)
            quantize(magnitudes, q_min, 2.0**exponent, self.signed, bool(self.zero), out)
            error = float(np.square(out - magnitudes).sum(dtype=np.float64))
            if error < least:
                best, least = exponent, error
        return best

    def project(self, values: Values) -> None:
        """Clips bits and range; in ``"qmin_qmax"`` q_min follows q_max into the limits."""
        if "b" in values:
            np.clip(values["b"], self.min_bits, self.max_bits, out=values["b"])
        if self.learn == "qmin_qmax":
            few, many = self._limits()
            q_min, q_max = values["q_min"], values["q_max"]
            np.clip(q_max, 2.0 ** (_LOWEST + few - 1), 2.0**_HIGHEST, out=q_max)
            top = _exponent(q_max)
            bottom = max(_LOWEST, top - many + 1)
            np.clip(q_min, 2.0**bottom, 2.0 ** (top - few + 1), out=q_min)
            return
        span = 2 ** self._exponent_bits(values) - 1
        if "q_min" in values:
            np.clip(values["q_min"], 2.0**_LOWEST, 2.0 ** (_HIGHEST - span), out=values["q_min"])
        if "q_max" in values:
            np.clip(values["q_max"], 2.0 ** (_LOWEST + span), 2.0**_HIGHEST, out=values["q_max"])

    def rounded(self, values: Values) -> Levels:
        """Returns q_min and q_max as powers of two."""
        if self.learn == "qmin_qmax":
            bottom, top = _exponent(values["q_min"]), _exponent(values["q_max"])
            exponent_bits = (top - bottom).bit_length()
        else:
            exponent_bits = self._exponent_bits(values)
            span = 2**exponent_bits - 1
            top = _exponent(values["q_max"]) if "q_max" in values else span
            bottom = top - span
            if "q_min" in values:
                bottom = _exponent(values["q_min"])
                top = bottom + span
        return Levels(2.0**bottom, 2.0**top, exponent_bits, exponent_bits + self._flags)

    def coarser(self, grid: Levels) -> Mapping[str, Any]:
        """Returns the same q_max with half as many magnitudes."""
        span = 2 ** (grid.exponent_bits - 1) - 1
        return {"b": float(grid.bits - 1), "q_max": grid.q_max, "q_min": grid.q_max / 2.0**span}

    def coefficients(self, grid: Levels) -> Mapping[str, Tuple[Any, Any]]:
        """Returns what the sums of ``dy sgn(x)`` below q_min and above q_max count."""
        steep = math.log(2) ** 2 * 2**grid.exponent_bits
        ratio = grid.q_max / grid.q_min
        shares: Dict[str, Dict[str, Tuple[Any, Any]]] = {
            "qmin_qmax": {"q_min": (1.0, 0.0), "q_max": (0.0, 1.0)},
            "b_qmax": {"b": (-steep * grid.q_min, 0.0), "q_max": (1 / ratio, 1.0)},
            "b_qmin": {"b": (0.0, steep * grid.q_max), "q_min": (1.0, ratio)},
            "qmax": {"q_max": (1 / ratio, 1.0)},
        }
        return shares[self.learn] if self.learn is not None else {"q_max": (0.0, 0.0)}

    def bit_slopes(self, values: Values) -> Mapping[str, np.ndarray]:
        """Returns the derivatives of log2(log2(q_max / q_min) + 1), or 1 for bits of their own."""
        if "b" in values:
            return {"b": np.ones(1)}
        if self.learn != "qmin_qmax":
            return {}
        grid = self.rounded(values)
        common = 1 / (math.log(2) ** 2 * (math.log2(grid.q_max / grid.q_min) + 1))
        return {"q_min": np.array([-common / grid.q_min]), "q_max": np.array([common / grid.q_max])}

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns codes whose bits are plain, with the powers of two as their dictionary.

        The low M bits of a code count the exponent up from q_min's, the next one is set for
        negative values (if signed), and one code behind these is zero (if there is one). The tensor
        must be there: for activations, run the graph without clearing buffers.
        """
        args, inputs = function.info.args, function.inputs
        x = host_array(inputs[0].data, np.float32)
        require_finite(x, args)
        grid = cls.settle(args, inputs)
        out = np.empty(x.shape, np.float32)
        quantize(x, grid.q_min, grid.q_max, args["signed"], args["zero"], out)
        states = 2**grid.exponent_bits
        codes = (out.view(np.int32) >> 23 & 0xFF) - 127 - int(math.log2(grid.q_min))
        codes = codes + states * np.signbit(out)
        magnitudes = grid.q_min * 2.0 ** np.arange(states)
        magnitudes = np.minimum(magnitudes, grid.q_max)
        parts = [magnitudes, -magnitudes] if args["signed"] else [magnitudes]
        if args["zero"]:
            codes[out == 0] = len(parts) * states
            parts.append(np.zeros(1))
        dictionary = np.concatenate(parts).astype(np.float32)
        return Encoding(codes=codes.astype(np.uint8), bits=grid.bits, dictionary=dictionary)

    @classmethod
    def lower(cls, function: Any, inputs: Sequence[nn.Variable]) -> nn.Variable:
        """Returns the same values, exactly, from functions that the C runtime has.

        The exponent is found by halving: for each of its M bits one comparison (AddScalar, Sign) of
        the magnitude, divided by the powers of two found so far, with the float above sqrt(2) times
        a power of two. All factors are powers of two, so nothing is rounded. The range as it is now
        becomes constants.
        """
        args = function.info.args
        grid = cls.settled(args, inputs)
        return _chain(inputs[0], grid, args["signed"], args["zero"])

    @property
    def _flags(self) -> int:
        """Bits for sign and zero."""
        return int(self.signed) + int(bool(self.zero))

    def _limits(self) -> Tuple[int, int]:
        """The fewest and the most magnitudes whose stored bits are within the limits."""
        assert self.min_bits is not None and self.max_bits is not None
        few = self.min_bits - self._flags
        return (1 if few == 0 else 2 ** (few - 1) + 1), 2 ** (self.max_bits - self._flags)

    def _exponent_bits(self, values: Values) -> int:
        bits = math.floor(float(values["b"][0]) + 0.5) if "b" in values else self.bits
        return int(bits - self._flags)


def _exponent(value: np.ndarray) -> int:
    return math.floor(math.log2(float(value[0])) + 0.5)


def _chain(x: Any, grid: Levels, signed: bool, zero: bool) -> Any:
    """The quantizer by NNabla's functions, on Variables (with gradient) or NdArrays."""
    size = F.abs(x) if signed else F.relu(x)
    # NNabla's clipping has no gradient at its bound, Q has at q_max: the bound is moved by an
    # unnoticeable bit.
    inside = F.minimum_scalar(F.maximum_scalar(size, grid.q_min), grid.q_max * _JUST_ABOVE)
    constant = _without_gradient(F.identity(inside))
    rest, power = constant, None
    for bit in reversed(range(grid.exponent_bits)):
        up = 2**bit
        if grid.q_min * 2.0**up > grid.q_max:
            continue
        # 1 where the exponent is at least ``up`` above q_min's, -1 elsewhere.
        threshold = _ABOVE_SQRT2 * grid.q_min * 2.0 ** (up - 1)
        sign = F.sign(F.add_scalar(rest, -threshold), 1.0)
        # 2**up is (2**up + 1) / 2 + sign (2**up - 1) / 2; larger ones than 2**16 in two factors,
        # whose halves are exact in float32.
        for part in [up] if up <= 16 else [16] * (up // 16):
            factor = 2.0**part
            raised = F.add_scalar(F.mul_scalar(sign, (factor - 1) / 2), (factor + 1) / 2)
            power = raised if power is None else F.mul2(power, raised)
            if bit:
                lowered = F.mul_scalar(sign, (1 / factor - 1) / 2)
                rest = F.mul2(rest, F.add_scalar(lowered, (1 / factor + 1) / 2))
    if power is None:
        power = F.add_scalar(F.mul_scalar(constant, 0), grid.q_min)
    else:
        power = F.mul_scalar(power, grid.q_min)
    if zero:
        sign = F.sign(F.add_scalar(size, -_ABOVE_SQRT2 * grid.q_min / 2), 1.0)
        power = F.mul2(power, F.add_scalar(F.mul_scalar(sign, 0.5), 0.5))
    if signed:
        power = F.mul2(power, F.sign(x, 1.0))
    power = _without_gradient(power)
    if isinstance(x, nn.NdArray):
        return power
    # The quotient is exactly 1; its derivative makes that of the product Q / |x|.
    return F.mul2(power, F.div2(inside, constant))


def _without_gradient(x: Any) -> Any:
    if isinstance(x, nn.Variable):
        x.need_grad = False
    return x
