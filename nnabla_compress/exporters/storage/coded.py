# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A quantized tensor as all storage schemes see it: few levels, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import Optional, Tuple

import numpy as np

from nnabla_compress.encodings import Encoding

_INT8 = 127
_SOME = 16  # that most wrong scales fail on


@dataclass(frozen=True)
class CodedTensor:
    r"""A tensor of few distinct values.

    Its values are ``(levels[index] + shift) * scale``, or ``levels[index]`` if ``scale`` is None.
    Only levels that occur are kept, so bits follow from what is stored, not from what was allowed.

    Args:
        index: Which level an element takes, int64 of the tensor's shape.
        levels: The levels, float64, shape (K,): integers if there is a scale, else any float32.
        scale: float32, a scalar or one for each index of ``axis``; None for levels that are no
            multiples of one number.
        shift: Integers added before scaling, one for each index of ``axis``; None for none.
        axis: The axis along which ``scale`` and ``shift`` vary; None if they do not.

    Example:
        >>> codes, dictionary = np.array([0, 3]), np.float32([-1, 0, 1, 2])
        >>> coded = coded_tensor(Encoding(codes, 2, dictionary=dictionary))
        >>> coded.levels.tolist(), float(coded.scale), coded.bits
        ([-1.0, 2.0], 1.0, 1)
    """

    index: np.ndarray
    levels: np.ndarray
    scale: Optional[np.ndarray] = None
    shift: Optional[np.ndarray] = None
    axis: Optional[int] = None

    @property
    def shape(self) -> Tuple[int, ...]:
        """Shape of the tensor."""
        return tuple(self.index.shape)

    @property
    def bits(self) -> int:
        """Bits of an index."""
        return max(1, int(len(self.levels) - 1).bit_length())

    @property
    def integers(self) -> np.ndarray:
        """The levels of the elements where there is a scale, int64, without the shift."""
        return self.levels.astype(np.int64)[self.index]

    @property
    def grid(self) -> Tuple[int, int, int]:
        """The lowest level, the step and the number of steps to the highest, of integer levels."""
        whole = self.levels.astype(np.int64)
        low = int(whole.min())
        step = 0
        for level in whole:
            step = gcd(step, int(level) - low)
        step = step or 1
        return low, step, (int(whole.max()) - low) // step

    @property
    def values(self) -> Optional[np.ndarray]:
        """The float32 values of the levels; None where they vary along an axis."""
        if self.scale is None:
            return self.levels.astype(np.float32)
        if self.axis is not None:
            return None
        return self.levels.astype(np.float32) * np.float32(self.scale)

    def decode(self) -> np.ndarray:
        """Returns the float32 values of the elements."""
        if self.scale is None:
            return self.levels.astype(np.float32)[self.index]
        whole = self.integers
        if self.shift is not None:
            whole = whole + self.along_axis(self.shift)
        return whole.astype(np.float32) * self.along_axis(self.scale)

    def along_axis(self, numbers: np.ndarray) -> np.ndarray:
        """Returns a scalar, or numbers along the axis, in a shape that broadcasts to the tensor."""
        if self.axis is None:
            return np.asarray(numbers).reshape(())
        shape = [1] * self.index.ndim
        shape[self.axis] = -1
        return np.asarray(numbers).reshape(shape)

    def transposed(self, axes: Tuple[int, ...], shape: Tuple[int, ...]) -> CodedTensor:
        """Returns the tensor with its axes in another order, then reshaped.

        Args:
            axes: For each new axis the old one.
            shape: What follows; the axis along which scales vary must come out as it is.
        """
        axis = None if self.axis is None else axes.index(self.axis)
        return replace(self, index=self.index.transpose(axes).reshape(shape), axis=axis)


def coded_tensor(encoding: Encoding) -> Optional[CodedTensor]:
    """Returns what a scheme needs to store an encoding; None for pruned floats.

    Args:
        encoding: Of a scale, a dictionary, or kept values.
    """
    if encoding.kept is not None:
        return None
    used, index = np.unique(encoding.codes, return_inverse=True)
    index = index.reshape(encoding.codes.shape)
    if encoding.dictionary is not None:
        values = encoding.dictionary.astype(np.float32)[used]
        common = common_scale(values)
        if common is None:
            return CodedTensor(index, values.astype(np.float64))
        levels = np.rint(values.astype(np.float64) / common)
        return CodedTensor(index, levels, np.array(common, np.float32))
    assert encoding.scale is not None
    scale = np.asarray(encoding.scale, np.float32)
    levels, zero_point = used.astype(np.float64), np.asarray(encoding.zero_point)
    if encoding.axis is None:
        return CodedTensor(index, levels - int(zero_point.item()), scale.reshape(()))
    if zero_point.size == 1:
        levels, shift = levels - int(zero_point.item()), None
    else:
        shift = -zero_point.astype(np.int64)
    return CodedTensor(index, levels, scale, shift, encoding.axis)


def common_scale(values: np.ndarray, largest: int = _INT8) -> Optional[float]:
    """Returns the scale whose integer multiples, rounded to float32, the values are.

    Args:
        values: float32.
        largest: Largest magnitude of an integer.

    Returns:
        The scale with the smallest integers, None if there is none.

    Example:
        >>> common_scale(np.float32([-0.75, 0.25, 0.5]))
        0.25
        >>> common_scale(np.float32([0.1, 0.31415])) is None
        True
    """
    peak = float(np.abs(values).max()) if values.size else 0.0
    if peak == 0:
        return 1.0
    some = values.reshape(-1)[:_SOME]
    for integer in range(1, largest + 1):
        nearest = np.float32(peak / integer)
        for scale in (
            nearest,
            np.nextafter(nearest, np.float32(0)),
            np.nextafter(nearest, np.float32(np.inf)),
        ):
            if scale == 0 or not np.isfinite(scale):
                continue
            if _are_multiples(some, scale) and _are_multiples(values, scale):
                return float(scale)
    return None


def _are_multiples(values: np.ndarray, scale: np.float32) -> bool:
    whole = np.rint(values.astype(np.float64) / float(scale))
    return np.array_equal(whole.astype(np.float32) * np.float32(scale), values)
