# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
r"""WRPN's quantizers: weights clipped to [-1, 1], activations to [0, 1].

With k bits and N = 2**(k - 1) - 1, weights are::

    Q(w) = round(N clip(w, -1, 1)) / N        gradient: 1 where |w| <= 1, 0 elsewhere

2 N + 1 evenly spaced values, 0 among them. Half is rounded away from zero: with 2 bits ±1/2
becomes ±1. Activations: see :mod:`nnabla_compress.quantizers.unit_range`. The method's other half
is more filters: see :class:`nnabla_compress.transforms.Widen`.

Weights smaller than 1 / (2 N) all become 0, and networks usually have smaller ones. ``scale="max"``
divides by their largest magnitude first, and multiplies by it afterwards.

A. Mishra et al., WRPN: wide reduced-precision networks, arXiv:1709.01134.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Optional, Tuple, Type

import nnabla as nn
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.kernels.tanh_levels import largest_magnitude
from nnabla_compress.kernels.uniform import quantize
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.learned import require_bits, require_choice
from nnabla_compress.quantizers.level_grid import LevelGrid
from nnabla_compress.quantizers.unit_range import (
    Grid,
    UnitRange,
    UnitRangeFunction,
    evenly_spaced,
    pass_between,
    passed_between,
    rounded_between,
)

_SMALLEST = 2.0**-100


@register
@dataclass(frozen=True)
class WRPN(UnitRange):
    """Weights clipped to [-1, 1], to evenly spaced values with 0 among them; activations in [0, 1].

    A rule says what it is for. In a script parameters of the current scope, such as the weight of a
    layer that it is given to, are quantized as weights, all other tensors as activations.

    Args:
        bits: 2 to 8.
        scale: What weights are divided by before they are quantized, and multiplied by afterwards.
            None: nothing (the paper). ``"max"``: their largest magnitude, a constant in the
            gradient. Calibration needs it.
        learn: None: nothing but the weights. ``"b"``: bits, a parameter that a memory budget moves;
            the loss has no gradient for it.
        min_bits: Fewest bits to learn. Default: 2.
        max_bits: Most bits to learn. Default: 8.

    Raises:
        ConfigError: If an option is out of its range.

    References:
        A. Mishra et al., arXiv:1709.01134.

    Example:
        >>> w = nn.Variable.from_numpy_array(np.float32([1.2, 0.5, 0.1, -0.05, -0.7]))
        >>> nn.clear_parameters()
        >>> nn.parameter.set_parameter("W", w)
        >>> y = WRPN(bits=3)(w)
        >>> y.forward()
        >>> (3 * y.d).tolist()
        [3.0, 2.0, 0.0, 0.0, -2.0]
    """

    type_name: ClassVar[str] = "WRPN"
    scope: ClassVar[str] = "wrpn"
    node_type: ClassVar[Type[UnitRangeFunction]] = UnitRangeFunction

    bits: int = 4
    scale: Optional[str] = None
    learn: Optional[str] = None
    min_bits: Optional[int] = None
    max_bits: Optional[int] = None

    def __post_init__(self) -> None:
        if self.bits == 1 and not isinstance(self.bits, bool):
            raise ConfigError(
                "WRPN: bits is 1, the method has no such weights.",
                help="choose 2 to 8, or DoReFa, which has 1 bit",
            )
        require_choice("WRPN", "scale", self.scale, [None, "max"])
        require_choice("WRPN", "learn", self.learn, [None, "b"])
        low, high = require_bits("WRPN", self.bits, 2, 8, self.min_bits, self.max_bits)
        object.__setattr__(self, "min_bits", low)
        object.__setattr__(self, "max_bits", high)

    @property
    def _n(self) -> int:
        return int(2 ** (self.bits - 1)) - 1

    def weight_levels(self, w: np.ndarray) -> LevelGrid:
        """Returns levels from -1 to 1, or from the largest magnitude, 0 among them."""
        return LevelGrid.of_bits(self.bits, "mid-tread", float(self._scaling(w)[2]))

    def weight_grid(self, w: np.ndarray) -> Grid:
        """Returns the integers from -N to N times the step."""
        return evenly_spaced(self._scaling(w)[1], 2 * self._n)

    def quantize_weight(self, w: np.ndarray, out: np.ndarray) -> None:
        """Writes integers times the step."""
        inverse, step, _ = self._scaling(w)
        n = np.array([self._n], np.float32)
        quantize(w.reshape(1, -1), np.array([step]), n, True, out.reshape(1, -1), inverse)

    def weight_gradient(
        self, w: np.ndarray, dy: np.ndarray, dw: np.ndarray, accumulate: bool
    ) -> None:
        """Writes the gradient where the weight is not clipped."""
        size = self._scaling(w)[2]
        pass_between(w, dy, -size, size, dw, accumulate)

    def encoded_weight(self, w: np.ndarray) -> Encoding:
        """Returns integers from -N to N and their scale."""
        step, values = self._scaling(w)[1], np.empty_like(w)
        self.quantize_weight(w, values)
        codes = np.rint(values / step).astype(np.int8)
        return Encoding(codes, self.bits, scale=np.array(step))

    def weight_chain(self, x: Any, values: np.ndarray) -> Any:
        """Returns MulScalar, Maximum/MinimumScalar, Round and MulScalar."""
        inverse, step, _ = self._scaling(values)
        return rounded_between(x, float(inverse[0]), -self._n, self._n, float(step))

    def weight_gradient_composite(self, x: nn.NdArray, dy: nn.NdArray) -> nn.NdArray:
        """Returns the gradient by functions of NNabla."""
        size = float(self._scaling(np.array(x.data))[2])
        return passed_between(x, dy, -size, size)

    def _scaling(self, w: np.ndarray) -> Tuple[np.ndarray, np.float32, np.float32]:
        """What weights are multiplied by, shape (1,), the step, and the largest kept value."""
        size = 1.0
        if self.scale == "max":
            size = float(largest_magnitude(w.reshape(-1)))
            size = size if size >= _SMALLEST else 1.0
        inverse, step = np.array([self._n / size], np.float32), np.float32(size / self._n)
        return inverse, step, np.float32(size)
