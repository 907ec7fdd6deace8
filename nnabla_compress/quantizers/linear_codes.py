# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's linear codes: QuantizeLinear, and DequantizeLinear behind it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Mapping, Sequence

import nnabla as nn
import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError
from nnabla_compress.quantizers.base import register
from nnabla_compress.quantizers.native import Call, NativeQuantizer

_BITS = 8  # codes are clipped to bytes


@register
@dataclass(frozen=True)
class LinearCodes(NativeQuantizer):
    """Rounds to codes of a scale as ``F.quantize_linear`` does, and decodes them; found in files.

    Args:
        round_mode: ``"HALF_AWAY_FROM_ZERO"`` or ``"HALF_TO_EVEN"``.
        narrow_range: Whether the code farthest below zero is left out.
        dtype: 1 for signed bytes, 2 for unsigned ones.
    """

    type_name: ClassVar[str] = "QuantizeLinear"
    in_rules: ClassVar[bool] = False

    round_mode: str = "HALF_AWAY_FROM_ZERO"
    narrow_range: bool = False
    dtype: int = 1

    @property
    def calls(self) -> Sequence[Call]:
        """QuantizeLinear and DequantizeLinear, which both read scale and zero point."""
        arguments = {
            "round_mode": str(self.round_mode),
            "narrow_range": bool(self.narrow_range),
            "dtype": int(self.dtype),
        }
        return [("QuantizeLinear", arguments), ("DequantizeLinear", {})]

    @classmethod
    def takes(cls, tables: Sequence[np.ndarray]) -> bool:
        """Returns whether the scale is above 0, and the zero point within a byte."""
        scale, zero = tables
        known = np.isfinite(scale).all() and np.isfinite(zero).all()
        return bool(known and (scale > 0).all() and (np.abs(zero) < 2**_BITS).all())

    @classmethod
    def encode(cls, function: Any) -> Encoding:
        """Returns the codes with their scale, one or one for each index of an axis."""
        scale, zero = (np.array(v.d, np.float32) for v in function.inputs[1:])
        whole = np.rint(cls.values(function).astype(np.float64) / scale).astype(np.int64)
        long = [axis for axis, size in enumerate(scale.shape) if size > 1]
        if len(long) > 1:
            raise ExportError(
                f"QuantizeLinear of {function.info.args['name'] or '(no name)'} has scales along "
                "several axes.",
                help="convert the layer: convert: lut",
            )
        codes = whole + np.rint(zero).astype(np.int64)
        if not long:
            return Encoding(codes, _BITS, scale.reshape(()), int(zero.ravel()[0]))
        points = np.broadcast_to(np.rint(zero).astype(np.int64).ravel(), scale.size)
        return Encoding(codes, _BITS, scale.ravel(), np.array(points), axis=long[0])

    @classmethod
    def bits_of(cls, args: Mapping[str, Any], inputs: Sequence[nn.Variable]) -> float:
        """Returns 8: codes are bytes."""
        return _BITS
