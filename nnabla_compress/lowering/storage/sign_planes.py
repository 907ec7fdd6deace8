# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Scheme ``sign_planes``: one SIGN parameter a bit, added up with their weights."""

from __future__ import annotations

from typing import ClassVar, Dict, List, Optional, Sequence, Tuple

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
    reshaped,
)
from nnabla_compress.nnb.sources import Source

_MOST_BITS = 7
_LOWEST, _HIGHEST = -64.0, 63.5  # of an INT8 number with one fraction bit


class SignPlanes(Scheme):
    """Integers ``sum_b w_b S_b + c`` of equal steps, S_b = +1 or -1.

    With steps of two around zero (codes -3, -1, 1, 3) the weights are 1, 2, 4 and c is 0; with
    steps of one they are 1/2, 1, 2, and c is the middle.
    """

    name: ClassVar[str] = "sign_planes"

    def refusal(self, tensor: CodedTensor) -> Optional[str]:
        """Refuses levels that are not evenly spaced, or of more than 7 bits."""
        return uneven(tensor)

    def build_levels(self, tensor: CodedTensor, path: str) -> Stored:
        """Returns the integers."""
        weights, middle, bits = bit_weights(tensor)
        sources = sign_planes(tensor, bits, path)
        planes = list(sources)
        types = {plane: "SIGN" for plane in planes}
        total = planes[0] if weights[0] == 1 else F.mul_scalar(planes[0], weights[0])
        computed = [total]
        for plane, weight in zip(planes[1:], weights[1:]):
            term = plane if weight == 1 else F.mul_scalar(plane, weight)
            # The recorded graphs add the plane that needs no product first.
            pair = (total, term) if total is planes[0] else (term, total)
            total = F.add2(*pair)
            computed += [term, total]
        if middle != 0:
            total = F.add_scalar(total, middle)
            computed.append(total)
        flat, y = restored(total, tensor)
        if y.parent is not None and fits_int8(weights, middle):
            types.update((v, "FIXED8_1") for v in (*computed, *flat, y) if v.parent is not None)
        return Stored(self.name, y, types, sources)


def uneven(tensor: CodedTensor) -> Optional[str]:
    """Returns why a tensor is no sum of weighted bits, None if it is."""
    if tensor.scale is None:
        return "its dictionary does not lie on an integer grid of -127 to 127"
    low, step, count = tensor.grid
    if count >= 2**_MOST_BITS:
        return f"its integers go from {low} to {low + step * count}: more than {_MOST_BITS} bits"
    return None


def fits_int8(weights: Sequence[float], middle: float) -> bool:
    """Returns whether all sums fit an INT8 number with one fraction bit.

    Args:
        weights: Of the bits.
        middle: The constant that is added last.
    """
    most = sum(weights)
    return most <= _HIGHEST and middle - most >= _LOWEST and middle + most <= _HIGHEST


def bit_weights(tensor: CodedTensor) -> Tuple[List[float], float, np.ndarray]:
    """Returns the weights of the bits, the constant, and the bits of each level.

    Args:
        tensor: Of integers with equal steps.

    Returns:
        Weights from the lowest bit on, the constant, and +1 or -1 of shape (bits, K).
    """
    low, step, count = tensor.grid
    number = max(1, count.bit_length())
    # One level more makes steps of two symmetric, so that no constant is needed.
    codes = (tensor.levels.astype(np.int64) - low) // step
    weights = [step * 2.0 ** (bit - 1) for bit in range(number)]
    return weights, low + sum(weights), signs_of(codes, number)


def signs_of(codes: np.ndarray, bits: int) -> np.ndarray:
    """Returns +1 for a bit that is set and -1 for others, shape (bits, N), lowest bit first."""
    return 2.0 * (codes.ravel() >> np.arange(bits)[:, None] & 1) - 1


def sign_planes(tensor: CodedTensor, signs: np.ndarray, path: str) -> Dict[nn.Variable, Source]:
    """Returns a SIGN parameter a bit, padded to whole bytes, shape (1, N), and its values.

    Args:
        tensor: The levels of the elements.
        signs: +1 or -1 for each level, shape (bits, K).
        path: Path of the weight.
    """
    count = tensor.index.size
    names = [path + CODES, *(f"{path}{CODES}_{bit}" for bit in range(1, len(signs)))]
    shape = (1, count + -count % 8)
    return dict(codes_of(tensor, row, shape, name) for row, name in zip(signs, names))


def restored(x: nn.Variable, tensor: CodedTensor) -> Tuple[Dict[nn.Variable, None], nn.Variable]:
    """Returns a decoded plane without padding and in the tensor's shape."""
    flat = cut(x, tensor.index.size, 1)
    return {flat: None}, reshaped(flat, tensor.shape)
