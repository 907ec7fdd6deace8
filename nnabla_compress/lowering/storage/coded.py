# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A quantized tensor as all storage schemes see it: few levels, and what they stand for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd
from typing import Iterator, Optional, Tuple, Union

import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.kernels.common_scales import common_scales
from nnabla_compress.lowering.storage.numbered import NumberedCodes
from nnabla_compress.nnb.content import blocks
from nnabla_compress.nnb.sources import Source

_INT8 = 127
_MANY = 1 << 20  # codes that a table is made of


@dataclass(frozen=True)
class CodedTensor:
    r"""A tensor of few distinct values.

    Its values are ``(levels[index] + shift) * scale``, or ``levels[index]`` if ``scale`` is None.
    Only levels that occur are kept, so bits follow from what is stored, not from what was allowed.

    Args:
        index: Which level an element takes, integers of the tensor's shape; of codes that are
            bytes they are looked up as they are read.
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

    index: Union[np.ndarray, NumberedCodes]
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
        return self.levels.astype(np.int64)[np.asarray(self.index)]

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
            return self.levels.astype(np.float32)[np.asarray(self.index)]
        return self.decode_integers() * self.along_axis(np.asarray(self.scale, np.float32))

    def decode_integers(self) -> np.ndarray:
        """Returns the levels of the elements plus the shift, float32; there must be a scale."""
        whole = self.levels.astype(np.float32)[np.asarray(self.index)]
        return whole if self.shift is None else whole + self.along_axis(self.shift).astype("f4")

    def sample(self) -> CodedTensor:
        """Returns a tensor that holds each level once, for each index of the axis if there is one.

        What functions of single elements make of it is what they make of the tensor.
        """
        index = np.arange(len(self.levels))
        if self.axis is None:
            return replace(self, index=index)
        count = self.index.shape[self.axis]
        return replace(self, index=np.broadcast_to(index, (count, len(index))), axis=0)

    def look_up(self, table: np.ndarray) -> Source:
        """Returns what a table says of the elements.

        Args:
            table: A value for each element of :meth:`sample`, of its shape.
        """
        return Source(self.shape, lambda: self._looked_up(np.asarray(table, np.float32)))

    def _looked_up(self, table: np.ndarray) -> Iterator[np.ndarray]:
        if self.axis is None:
            for piece in self.pieces():
                yield table[piece]
            return
        places = np.broadcast_to(self.along_axis(np.arange(len(table))), self.shape)
        for block in blocks(self.shape):
            yield table[places[block], self.index[block]].ravel()

    def pieces(self, start: int = 0, stop: Optional[int] = None) -> Iterator[np.ndarray]:
        """Yields the indices of elements, flat, in pieces; the tensor may be a transposed view.

        Args:
            start: The first element.
            stop: The one behind the last; None for all.
        """
        position, stop = 0, self.index.size if stop is None else stop
        for block in blocks(self.shape):
            part = self.index[block]
            first, last = max(start - position, 0), min(stop - position, part.size)
            if first < last:
                yield part.reshape(-1)[first:last]
            position += part.size

    def along_axis(self, numbers: np.ndarray) -> np.ndarray:
        """Returns a scalar, or numbers along the axis, in a shape that broadcasts to the tensor."""
        if self.axis is None:
            return np.asarray(numbers).reshape(())
        shape = [1] * self.index.ndim
        shape[self.axis] = -1
        return np.asarray(numbers).reshape(shape)

    def rows(self, start: int, stop: int) -> CodedTensor:
        """Returns a part of the tensor, along its first axis.

        Args:
            start: The first row.
            stop: The one behind the last.
        """
        if self.axis != 0:
            return replace(self, index=self.index[start:stop])
        scale = None if self.scale is None else self.scale[start:stop]
        shift = None if self.shift is None else self.shift[start:stop]
        return replace(self, index=self.index[start:stop], scale=scale, shift=shift)

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
    used, index = _used(encoding.codes)
    if encoding.dictionary is not None:
        values = encoding.dictionary.astype(np.float32)[used]
        common = common_scale(values)
        if common is None:
            return CodedTensor(index, values.astype(np.float64))
        levels = np.rint(values.astype(np.float64) / common)
        return CodedTensor(index, levels, np.array(common, np.float32))
    assert encoding.scale is not None
    scale = np.asarray(encoding.scale, np.float32)
    levels = encoding.spacing * used.astype(np.float64)
    zero_point = np.asarray(encoding.zero_point)
    if encoding.axis is None:
        return CodedTensor(index, levels - int(zero_point.item()), scale.reshape(()))
    if zero_point.size == 1:
        levels, shift = levels - int(zero_point.item()), None
    else:
        shift = -zero_point.astype(np.int64)
    return CodedTensor(index, levels, scale, shift, encoding.axis)


def _used(codes: np.ndarray) -> Tuple[np.ndarray, Union[np.ndarray, NumberedCodes]]:
    """The codes that occur, ascending, and which of them each element takes."""
    if not codes.size:
        return np.empty(0, np.int64), codes.astype(np.uint8)
    low, high = int(codes.min()), int(codes.max())
    if high - low >= _MANY:
        used, index = np.unique(codes, return_inverse=True)
        return used, index.reshape(codes.shape)
    occurs = np.zeros(high - low + 1, bool)
    for block in blocks(codes.shape):
        occurs[codes[block].astype(np.int64) - low] = True
    used = np.flatnonzero(occurs) + low
    if codes.dtype == np.uint8 and low == 0 and len(used) == high + 1:
        return used, codes
    number = np.cumsum(occurs) - 1
    if codes.itemsize == 1:
        numbers = np.zeros(256, np.uint8)
        numbers[np.arange(low, high + 1) % 256] = number
        return used, NumberedCodes(codes, numbers)
    index = np.empty(codes.shape, np.min_scalar_type(len(used) - 1))
    for block in blocks(codes.shape):
        index[block] = number[codes[block].astype(np.int64) - low]
    return used, index


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
    found = common_scales(np.asarray(values, np.float32).reshape(1, -1), largest)
    return None if found is None else float(found[0])
