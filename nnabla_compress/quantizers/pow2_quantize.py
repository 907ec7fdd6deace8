# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's powers of two: fixed range, no learned parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Sequence

from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.native import Call, NativeQuantizer


@register
@dataclass(frozen=True)
class Pow2Quantize(NativeQuantizer):
    """Rounds to powers of two as ``F.pow2_quantize`` does; found in files.

    With n' = bits less one for the sign and one for zero, as far as there are, the magnitudes are
    2**(largest_exponent - 2**n' + 1) to 2**largest_exponent.
    :class:`~nnabla_compress.quantizers.Pow2` rounds to the same values, and learns their range.

    Args:
        bits: Bits of a value, with those for sign and zero.
        largest_exponent: Exponent of the largest magnitude.
        signed: Whether there are negative values.
        zero: Whether there is 0.
        fine_grained: Whether the gradient is 0 where a value is clipped; else it is 1 everywhere.

    Example:
        >>> import nnabla as nn, numpy as np
        >>> x = nn.Variable.from_numpy_array(np.float32([0.6, 1.4, 1.5, 0.8]))
        >>> y = Pow2Quantize(bits=3, largest_exponent=1)(x)
        >>> y.forward()
        >>> y.d.tolist()
        [0.0, 1.0, 2.0, 1.0]
    """

    type_name: ClassVar[str] = "Pow2Quantize"
    in_rules: ClassVar[bool] = False

    bits: int
    largest_exponent: int
    signed: bool = True
    zero: bool = True
    fine_grained: bool = True

    @property
    def calls(self) -> Sequence[Call]:
        """Pow2Quantize."""
        arguments = {
            "sign": bool(self.signed),
            "with_zero": bool(self.zero),
            "n": int(self.bits),
            "m": int(self.largest_exponent),
            "ste_fine_grained": bool(self.fine_grained),
        }
        return [("Pow2Quantize", arguments)]

    @property
    def stored_bits(self) -> float:
        """Those of the options."""
        return self.bits
