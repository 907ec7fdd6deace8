# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""DoReFa-Net's quantizers: weights through tanh, activations between 0 and 1.

With k bits and n = 2**k - 1, weights are::

    k > 1:  Q(w) = 2 round(n (tanh(w) / (2 max|tanh(w)|) + 1/2)) / n - 1
    k = 1:  Q(w) = E|w| where w >= 0, -E|w| elsewhere

All 2**k values lie half a step beside 0: they are odd integers times 1 / n. The gradient passes
rounding as it is, and flows through tanh and through the maximum, whose share goes to the weight
of the largest magnitude; at k = 1 it passes unchanged. Activations: see
:mod:`nnabla_compress.quantizers.unit_range`. For quantized gradients:
:func:`nnabla_compress.functions.quantized_gradient`.

Where this deviates from the published code, on purpose:

* Ties are rounded up, and found exactly: ``2 floor(n tanh(w) / (2 m)) + 1`` is the same number
  without the addition of 1/2, in which small negative weights are lost. Weights of 0 become +1 / n.
* Weights that are all zero count as if the largest were 1; the published formula divides 0 by 0.
* ``scale`` keeps the size of the weights, which the published quantizers give up: max|Q(w)| is 1
  whatever w. Without a normalization behind the layer, or one whose statistics are those of the
  float network, that size matters.

S. Zhou et al., DoReFa-Net: training low bitwidth convolutional neural networks with low bitwidth
gradients, arXiv:1606.06160.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Optional, Tuple, Type

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.kernels.look_up import straight_through
from nnabla_compress.kernels.tanh_levels import (
    gradient,
    largest_magnitude,
    quantize,
    squeezed_peak,
)
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.learned import require_bits, require_choice
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.quantizers.unit_range import (
    Grid,
    UnitRange,
    UnitRangeFunction,
    evenly_spaced,
)

_ONE = np.float32(1)
_TINY = float(np.finfo(np.float32).tiny)


@register
@dataclass(frozen=True)
class DoReFa(UnitRange):
    """Weights through tanh to 2**bits evenly spaced values, none of them 0; activations in [0, 1].

    A rule says what it is for. In a script parameters of the current scope, such as the weight of a
    layer that it is given to, are quantized as weights, all other tensors as activations.

    Args:
        bits: 1 to 8.
        scale: What quantized weights of 2 bits and more are multiplied by. None: nothing, their
            largest magnitude is 1 (the paper). ``"max"``: the largest magnitude of the weights.
            ``"mean"``: what gives them the mean magnitude of the weights. It is a constant in the
            gradient. Calibration needs one.
        learn: None: nothing but the weights. ``"b"``: bits, a parameter that a memory budget moves;
            the loss has no gradient for it.
        min_bits: Fewest bits to learn. Default: 1, with ``scale="max"`` 2.
        max_bits: Most bits to learn. Default: 8.

    Raises:
        ConfigError: If an option is out of its range.

    References:
        S. Zhou et al., arXiv:1606.06160.

    Example:
        >>> import nnabla.parametric_functions as PF
        >>> nn.clear_parameters()
        >>> y = PF.affine(nn.Variable((1, 8)), 16, apply_w=DoReFa(bits=2), name="fc")
        >>> y.forward()
        >>> np.unique(3 * y.parent.inputs[1].d).round(6).tolist()
        [-3.0, -1.0, 1.0, 3.0]
        >>> x = nn.Variable.from_numpy_array(np.float32([-1, 0.2, 0.5, 7]))
        >>> y = DoReFa(bits=1)(x)
        >>> y.forward()
        >>> y.d.tolist()
        [0.0, 0.0, 1.0, 1.0]
    """

    type_name: ClassVar[str] = "DoReFa"
    keeping: ClassVar[str] = "mean"
    scope: ClassVar[str] = "dorefa"
    node_type: ClassVar[Type[UnitRangeFunction]] = UnitRangeFunction

    bits: int = 4
    scale: Optional[str] = None
    learn: Optional[str] = None
    min_bits: Optional[int] = None
    max_bits: Optional[int] = None

    def __post_init__(self) -> None:
        require_choice("DoReFa", "scale", self.scale, [None, "max", "mean"])
        require_choice("DoReFa", "learn", self.learn, [None, "b"])
        if self.scale == "max" and 1 in (self.bits, self.min_bits):
            raise ConfigError(
                "DoReFa: scale is 'max', weights of 1 bit have the mean magnitude always.",
                help="leave scale out",
            )
        least = 2 if self.scale == "max" else 1
        low, high = require_bits("DoReFa", self.bits, least, 8, self.min_bits, self.max_bits)
        object.__setattr__(self, "min_bits", low)
        object.__setattr__(self, "max_bits", high)

    @property
    def keeps_size(self) -> bool:
        """Weights of 1 bit keep their mean magnitude, others with a scale."""
        return self.bits == 1 or self.scale is not None

    @property
    def _n(self) -> int:
        return int(2**self.bits) - 1

    def weight_levels(self, w: np.ndarray) -> LevelGrid:
        """Returns levels half a step beside 0, of tanh over its peak; of 1 bit, of weights."""
        if self.bits == 1:
            step = np.array([max(2 * float(self._odd_integers(w.reshape(-1))[1]), _TINY)])
            return LevelGrid(step, np.array([-1.0]), np.zeros(1), 0.5)
        peak = float(squeezed_peak(largest_magnitude(w.reshape(-1))))
        return LevelGrid.of_bits(self.bits, "mid-rise")._replace(squeeze=peak)

    def weight_grid(self, w: np.ndarray) -> Grid:
        """Returns the odd integers times half the step."""
        return evenly_spaced(2 * self._odd_integers(w.reshape(-1))[1], self._n)

    def quantize_weight(self, w: np.ndarray, out: np.ndarray) -> None:
        """Writes odd integers times half the step."""
        if self.scale != "mean" and self.bits > 1:
            largest = largest_magnitude(w)
            quantize(w, squeezed_peak(largest), self._n, self._half_step(largest), out)
            return
        _, half_step = self._odd_integers(w, out)
        np.multiply(out, half_step, out=out)
        out += np.float32(0)

    def weight_gradient(
        self, w: np.ndarray, dy: np.ndarray, dw: np.ndarray, accumulate: bool
    ) -> None:
        """Writes the gradient through tanh and the maximum; of 1 bit as it is."""
        if self.bits == 1:
            straight_through(dy, dw, accumulate)
            return
        largest = largest_magnitude(w)
        scale = self._half_step(largest) * np.float32(self._n)
        if self.scale == "mean":
            scale = self._odd_integers(w)[1] * np.float32(self._n)
        gradient(w, dy, largest, squeezed_peak(largest), scale, dw, accumulate)

    def encoded_weight(self, w: np.ndarray) -> Encoding:
        """Returns codes i from 0 to n that stand for ``(2 i - n) * half step``."""
        odd, half_step = self._odd_integers(w.reshape(-1))
        if half_step == 0:
            return Encoding(np.zeros(w.shape, np.uint8), self.bits, scale=np.array(_ONE))
        codes = ((odd + self._n) / 2).astype(np.uint8).reshape(w.shape)
        scale = np.array(half_step, np.float32)
        return Encoding(codes, self.bits, scale=scale, zero_point=self._n, spacing=2)

    def weight_chain(self, x: Any, values: np.ndarray) -> Any:
        """Returns Tanh, Abs, Max, Div2, Floor and products; of 1 bit a sign."""
        half_step = float(self._odd_integers(values.reshape(-1))[1])
        if self.bits == 1:
            # The product by the mean would scale the gradient, too: it comes from x itself.
            signs = F.sign(x, 1.0)
            if isinstance(x, nn.NdArray):
                return F.mul_scalar(signs, half_step)
            signs.need_grad = False
            constant = F.identity(x)
            constant.need_grad = False
            return F.add2(F.mul_scalar(signs, half_step), F.sub2(x, constant))
        ratio = F.mul_scalar(_squeezed(x)[1], self._n / 2)
        odd = F.add_scalar(F.mul_scalar(F.floor(ratio), 2.0), 1.0)
        return F.mul_scalar(F.minimum_scalar(odd, self._n * (1 + 2.0**-21)), half_step)

    def weight_gradient_composite(self, x: nn.NdArray, dy: nn.NdArray) -> nn.NdArray:
        """Returns the gradient by functions of NNabla."""
        if self.bits == 1:
            return dy
        values = np.array(x.data).reshape(-1)
        scale = float(self._odd_integers(values)[1]) * self._n
        squeezed, ratio = _squeezed(x)
        peak = squeezed_peak(largest_magnitude(values))
        slope = F.mul_scalar(F.r_sub_scalar(F.mul2(squeezed, squeezed), 1.0), scale / float(peak))
        found = F.mul2(slope, dy)
        if not values.any():
            return found
        at_peak = F.equal_scalar(F.abs(x), float(largest_magnitude(values)))
        through = F.div2(F.sum(F.mul2(ratio, dy)), F.sum(at_peak))
        shared = F.mul2(F.mul2(at_peak, F.sign(x, 1.0)), slope)
        return F.sub2(found, F.mul2(shared, F.broadcast(_as_ones(through, x), x.shape)))

    def _half_step(self, largest: np.float32) -> np.float32:
        """What odd integers are multiplied by, where that follows from the largest weight."""
        size = float(largest) if self.scale == "max" else 1.0
        return np.float32(size / self._n)

    def _odd_integers(
        self, w: np.ndarray, out: Optional[np.ndarray] = None
    ) -> Tuple[np.ndarray, np.float32]:
        """The odd integers that weights become, and half the step that they are multiplied by."""
        odd = np.empty_like(w) if out is None else out
        if self.bits == 1:
            odd[...] = np.where(w >= 0, _ONE, -_ONE)
            return odd, np.float32(np.abs(w).mean(dtype=np.float64))
        largest = largest_magnitude(w)
        quantize(w, squeezed_peak(largest), self._n, _ONE, odd)
        if self.scale != "mean":
            return odd, self._half_step(largest)
        magnitudes = (np.abs(values).sum(dtype=np.float64) for values in (w, odd))
        return odd, np.float32(next(magnitudes) / next(magnitudes))


def _squeezed(x: Any) -> Tuple[Any, Any]:
    """Returns tanh of a weight, and this over its largest magnitude; 0 where all weights are."""
    squeezed = F.tanh(x)
    axes = list(range(len(x.shape)))
    peak = F.max(F.abs(squeezed), axes, keepdims=True)
    tiny = float(np.finfo(np.float32).tiny)
    return squeezed, F.div2(squeezed, F.broadcast(F.maximum_scalar(peak, tiny), x.shape))


def _as_ones(x: nn.NdArray, like: nn.NdArray) -> nn.NdArray:
    return F.reshape(x, [1] * len(like.shape))
