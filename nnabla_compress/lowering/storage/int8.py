# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Scheme ``int8``: a code a byte, times one scale or one scale for each channel."""

from __future__ import annotations

from typing import ClassVar, Optional

import nnabla.functions as F

from nnabla_compress.lowering.storage.coded import CodedTensor
from nnabla_compress.lowering.storage.scheme import CODES, Scheme, Stored, codes_of

_LOWEST, _HIGHEST = -128, 127


class Int8(Scheme):
    """INT8 parameters: ``MulScalar(codes, scale)`` or ``Mul2(codes, scales)``.

    Integers of another range than -128 to 127 are stored less a constant, which is added first;
    such of equal steps that span more than 256 are stored in steps.
    """

    name: ClassVar[str] = "int8"

    def refusal(self, tensor: CodedTensor) -> Optional[str]:
        """Refuses levels that are no multiples of one number, or more than 256 apart."""
        if tensor.scale is None:
            return "its dictionary does not lie on an integer grid of -127 to 127"
        low, step, count = tensor.grid
        if count > _HIGHEST - _LOWEST:
            return f"its integers go from {low} to {low + step * count}, INT8 has 256"
        return None

    def build_levels(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the integers."""
        low, step, count = tensor.grid
        step = step if step * count > _HIGHEST - _LOWEST else 1
        offset = 0
        if low < _LOWEST or low + step * count > _HIGHEST:
            offset = low - step * _LOWEST
        numbers = (tensor.levels - offset) / step
        codes, source = codes_of(tensor, numbers, tensor.shape, path + CODES)
        y = codes if step == 1 else F.mul_scalar(codes, float(step))
        y = y if offset == 0 else F.add_scalar(y, float(offset))
        return Stored(self.name, y, {codes: "FIXED8_0"}, {codes: source})
