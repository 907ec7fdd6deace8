# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Scheme ``bit_matrix``: the bits of a code side by side in a SIGN parameter, added by Affine.

That takes four functions for any number of bits.
"""

from __future__ import annotations

from typing import ClassVar, Dict, Optional, Tuple

import nnabla as nn
import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import CODES
from nnabla_compress.lowering.storage.coded import CodedTensor
from nnabla_compress.lowering.storage.scheme import (
    Scheme,
    Stored,
    codes_of,
    cut,
    parameter,
    reshaped,
)
from nnabla_compress.lowering.storage.sign_planes import bit_weights, fits_int8, uneven
from nnabla_compress.nnb.sources import Source


class BitMatrix(Scheme):
    """Integers ``B w + c`` of equal steps, with B = +1 or -1 of shape (N, bits).

    Four functions decode any number of bits, and the runtime's INT8 kernels run them: the bits
    widened to INT8, the Affine in INT8 with one fraction bit, the shape, the scale.
    """

    name: ClassVar[str] = "bit_matrix"

    def refusal(self, tensor: CodedTensor) -> Optional[str]:
        """Refuses levels that are not evenly spaced, or of more than 7 bits, or too large."""
        reason = uneven(tensor)
        if reason is not None:
            return reason
        weights, middle, _ = bit_weights(tensor)
        if not fits_int8(weights, middle):
            return "its integers go beyond -64 to 63, the range of INT8 with one fraction bit"
        return None

    def build_levels(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the integers."""
        weights, middle, signs = bit_weights(tensor)
        rows, types, sources = bit_rows(tensor, signs, path)
        columns = parameter(np.array(weights)[:, None], f"{path}_weights")
        constant = parameter(np.array([middle]), f"{path}_middle") if middle else None
        total = F.affine(rows, columns, constant)
        flat = cut(total, tensor.index.size, 0)
        y = reshaped(flat, tensor.shape)
        computed = [v for v in (columns, constant, total, flat, y) if v is not None]
        types.update((variable, "FIXED8_1") for variable in computed)
        return Stored(self.name, y, types, sources)


def bit_rows(
    tensor: CodedTensor,
    signs: np.ndarray,
    path: str,
    suffix: str = "",
    part: Optional[Tuple[int, int]] = None,
) -> Tuple[nn.Variable, Dict[nn.Variable, str], Dict[nn.Variable, Source]]:
    """Returns the bits of each element as a row of INT8 numbers, the types for that, and values.

    Args:
        tensor: The levels of the elements.
        signs: +1 or -1 for each level, shape (bits, K).
        path: Path of the weight.
        suffix: What the name of the parameter ends in.
        part: The first element, and the one behind the last; None for all.

    Returns:
        A variable of shape (N', bits), with N' >= N so that the bits fill whole bytes.
    """
    start, stop = part or (0, tensor.index.size)
    bits, count = len(signs), stop - start
    padding = next(extra for extra in range(8) if (count + extra) * bits % 8 == 0)
    name = f"{path}{CODES}{suffix}"
    stored, source = codes_of(tensor, signs.T, (count + padding, bits), name, (start, stop))
    rows = F.mul_scalar(stored, 1.0)
    return rows, {stored: "SIGN", rows: "FIXED8_0"}, {stored: source}
