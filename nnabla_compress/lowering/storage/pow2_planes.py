# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Scheme ``pow2_planes``: sign and exponent bits of powers of two, multiplied up."""

from __future__ import annotations

from typing import ClassVar, Optional

import nnabla.functions as F
import numpy as np

from nnabla_compress.lowering.storage.coded import CodedTensor
from nnabla_compress.lowering.storage.scheme import Scheme, Stored
from nnabla_compress.lowering.storage.sign_planes import restored, sign_planes, signs_of

_MOST_EXPONENT_BITS = 5


class Pow2Planes(Scheme):
    r"""Powers of two as a product over sign and exponent bits, exact.

    With S = +1 or -1 for the sign and S_b for bit b of the exponent::

    S 2**e_min prod_b (f_b + 1) / 2 + S_b (f_b - 1) / 2,      f_b = 2**2**b
    """

    name: ClassVar[str] = "pow2_planes"

    def refusal(self, tensor: CodedTensor) -> Optional[str]:
        """Refuses levels that are no powers of two, zero among them, or too far apart."""
        values = tensor.levels if tensor.values is None else tensor.values.astype(np.float64)
        mantissa, exponent = np.frexp(np.abs(values))
        if not np.all(mantissa == 0.5):
            return "its values are not all plus or minus a power of two; zero is none"
        if np.ptp(exponent) >= 2**_MOST_EXPONENT_BITS:
            return f"its powers of two are {np.ptp(exponent)} octaves apart, at most 31 are"
        return None

    def build_values(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the values; one scale for all is part of the lowest power."""
        if tensor.values is None:
            return super().build_values(tensor, path)
        return super().build_values(
            CodedTensor(tensor.index, tensor.values.astype(np.float64)), path
        )

    def build_levels(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the levels."""
        exponents = np.frexp(np.abs(tensor.levels))[1] - 1
        lowest = int(exponents.min())
        bits = int(np.ptp(exponents)).bit_length()
        planes = signs_of(exponents - lowest, bits)
        negative, positive = (tensor.levels < 0).any(), (tensor.levels > 0).any()
        both = bool(negative and positive)
        base = 2.0**lowest * (-1.0 if negative and not both else 1.0)
        if both or bits == 0:
            first = np.sign(tensor.levels) if both else np.ones(len(tensor.levels))
            planes = np.concatenate([first[None], planes])
        sources = sign_planes(tensor, planes, path)
        variables = list(sources)
        total = None
        if both or bits == 0:
            total = F.mul_scalar(variables[0], base)
        for bit, plane in enumerate(variables[len(variables) - bits :]):
            factor = 2.0 ** (2**bit)
            outer = base if total is None else 1.0
            term = F.mul_scalar(plane, outer * (factor - 1) / 2)
            term = F.add_scalar(term, outer * (factor + 1) / 2)
            total = term if total is None else F.mul2(total, term)
        assert total is not None
        _, y = restored(total, tensor)
        types = {variable: "SIGN" for variable in variables}
        return Stored(self.name, y, types, sources)
