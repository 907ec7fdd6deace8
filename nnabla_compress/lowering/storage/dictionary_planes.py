# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Scheme ``dictionary_planes``: one SIGN parameter a bit, and a polynomial of the bits."""

from __future__ import annotations

from typing import ClassVar, Dict, List, Optional

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.lowering.storage.coded import CodedTensor
from nnabla_compress.lowering.storage.scheme import Scheme, Stored
from nnabla_compress.lowering.storage.sign_planes import restored, sign_planes, signs_of

_MOST_BITS = 4
_LARGEST = 2**15 - 1


class DictionaryPlanes(Scheme):
    r"""Any dictionary as the polynomial of bits that takes its values.

    With S_b = +1 or -1 for bit b::

        c_m = 2**-n sum_i d_i prod_{b in m} s_b(i)
        f(S_0 .. S_b, c) = f(S_0 .. S_{b-1}, c_low) + S_b f(S_0 .. S_{b-1}, c_high)

    6, 14 or 30 functions for 2 to 4 bits; one bit is clipped to the two values. A dictionary of
    integers decodes value for value, in INT16 with n fraction bits where it fits; another one up to
    rounding, some 1e-7 of its largest value.
    """

    name: ClassVar[str] = "dictionary_planes"

    def refusal(self, tensor: CodedTensor) -> Optional[str]:
        """Refuses more than 16 levels."""
        if len(tensor.levels) > 2**_MOST_BITS:
            return f"it has {len(tensor.levels)} distinct values, a polynomial of 4 bits takes 16"
        return None

    def build_levels(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the levels."""
        if len(tensor.levels) == 2:
            return self._clipped(tensor, path)
        bits = tensor.bits
        sources = sign_planes(tensor, signs_of(np.arange(len(tensor.levels)), bits), path)
        planes = list(sources)
        types: Dict[nn.Variable, str] = {plane: "SIGN" for plane in planes}
        levels = np.pad(tensor.levels, (0, 2**bits - len(tensor.levels)), "edge")
        signs = signs_of(np.arange(2**bits), bits)
        members = np.arange(2**bits)[:, None] >> np.arange(bits) & 1
        products = np.prod(np.where(members[:, :, None], signs, 1.0), axis=1)
        coefficients = products @ levels / 2**bits
        computed: List[nn.Variable] = []
        total = _polynomial(planes, coefficients, computed)
        flat, y = restored(total, tensor)
        if tensor.scale is not None and np.abs(levels).max() * 2**bits <= _LARGEST:
            types.update((v, f"FIXED16_{bits}") for v in (*computed, *flat, y))
        return Stored(self.name, y, types, sources)

    def _clipped(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns one of two levels: a plane clipped to both, which is exact."""
        low, high = float(tensor.levels.min()), float(tensor.levels.max())
        signs = np.where(tensor.levels == high, 1.0, -1.0)
        sources = sign_planes(tensor, signs[None], path)
        (plane,) = sources
        largest = max(abs(low), abs(high))
        wide = plane if largest <= 1 else F.mul_scalar(plane, largest)
        total = F.minimum_scalar(F.maximum_scalar(wide, low), high)
        _, y = restored(total, tensor)
        return Stored(self.name, y, {plane: "SIGN"}, sources)


def _polynomial(
    planes: List[nn.Variable], coefficients: np.ndarray, computed: List[nn.Variable]
) -> nn.Variable:
    if len(planes) == 1:
        product = F.mul_scalar(planes[0], float(coefficients[1]))
        total = F.add_scalar(product, float(coefficients[0]))
    else:
        half = len(coefficients) // 2
        low = _polynomial(planes[:-1], coefficients[:half], computed)
        high = _polynomial(planes[:-1], coefficients[half:], computed)
        product = F.mul2(planes[-1], high)
        total = F.add2(low, product)
    computed += [product, total]
    return total
