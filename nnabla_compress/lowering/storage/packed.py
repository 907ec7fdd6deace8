# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Scheme ``packed``: two 4-bit codes a byte, split by stock functions."""

from __future__ import annotations

from typing import ClassVar, Iterator, Optional

import nnabla.functions as F
import numpy as np

from nnabla_compress.encodings import CODES
from nnabla_compress.lowering.storage.coded import CodedTensor
from nnabla_compress.lowering.storage.scheme import (
    Scheme,
    Stored,
    cut,
    reshaped,
    unfilled,
)
from nnabla_compress.nnb.content import PIECE
from nnabla_compress.nnb.sources import Source

_CODES = 16


class Packed(Scheme):
    """Pairs ``p = 16 (hi - 8) + lo`` of codes 0 to 15 in INT8 parameters of shape (1, N / 2).

    ``hi - 8 = Round((p - 7.5) / 16)``, which is never a tie, and ``lo - 8 = p - 16 (hi - 8) - 8``;
    the first half of the weights lies in hi, the second in lo. An odd number is padded by one.
    """

    name: ClassVar[str] = "packed"

    def refusal(self, tensor: CodedTensor) -> Optional[str]:
        """Refuses levels that are no multiples of one number, or more than 16 steps."""
        if tensor.scale is None:
            return "its dictionary does not lie on an integer grid of -127 to 127"
        low, step, count = tensor.grid
        if count >= _CODES:
            return f"its integers go from {low} to {low + step * count}, 4 bits hold 16 steps"
        return None

    def build_levels(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the integers, split into two halves and joined again."""
        low, step, count = tensor.grid
        # Codes -8 to 7 stand for themselves if they can.
        first = -8 if step == 1 and low >= -8 and low + count <= 7 else low
        codes = (tensor.levels.astype(np.int64) - first) // step
        half = -(-tensor.index.size // 2)
        pairs = unfilled((1, half), path + CODES)
        source = Source((1, half), lambda: _pairs(tensor, codes, half))
        high = F.round(F.mul_scalar(F.add_scalar(pairs, -7.5), 1 / 16))
        low_half = F.add_scalar(F.sub2(pairs, F.mul_scalar(high, 16.0)), -8.0)
        joined = F.concatenate(high, low_half, axis=1)
        flat = cut(joined, tensor.index.size, 1)
        y = reshaped(flat, tensor.shape)
        types = {v: "FIXED8_0" for v in (pairs, high, low_half, joined, flat, y)}
        if step != 1:
            y = F.mul_scalar(y, float(step))
        if first + 8 * step != 0:
            y = F.add_scalar(y, float(first + 8 * step))
        return Stored(self.name, y, types, {pairs: source})


def _pairs(tensor: CodedTensor, codes: np.ndarray, half: int) -> Iterator[np.ndarray]:
    """Two codes in a number: one of the first half of the tensor, one of the second."""
    for start in range(0, half, PIECE):
        stop = min(start + PIECE, half)
        high = np.concatenate([*tensor.pieces(start, stop)])
        low = np.concatenate([*tensor.pieces(half + start, half + stop), high[:0]])
        pair = 16 * (codes[high] - 8)
        pair[: low.size] += codes[low]
        yield pair.astype(np.float32)
