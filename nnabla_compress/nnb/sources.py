# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Values of parameters that come a piece at a time: from a file, an array, or computed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Callable, Iterable, Iterator, Tuple

import nnabla as nn
import numpy as np

from nnabla_compress.nnb.content import blocks

_FIRST = 64


@dataclass(frozen=True)
class Source:
    """The values of a parameter, handed out in pieces.

    Args:
        shape: Shape of the parameter.
        make: Returns flat arrays that hold its values in C order, anew at each call.

    Example:
        >>> source = Source((2, 2), lambda: iter([np.float32([1, 2]), np.float32([3, 4])]))
        >>> source.size, source.array().tolist()
        (4, [[1.0, 2.0], [3.0, 4.0]])
    """

    shape: Tuple[int, ...]
    make: Callable[[], Iterable[np.ndarray]]

    @property
    def size(self) -> int:
        """Number of values."""
        return math.prod(self.shape)

    @cached_property
    def mark(self) -> bytes:
        """The first values: what two sources that differ mostly differ in."""
        return b"" if not self.size else next(iter(self.make()))[:_FIRST].tobytes()

    def array(self, kind: Any = np.float32) -> np.ndarray:
        """Returns all values, of the parameter's shape.

        Args:
            kind: Type of the array, which holds them all.
        """
        values = np.empty(self.size, kind)
        start = 0
        for piece in self.make():
            values[start : start + piece.size] = piece
            start += piece.size
        return values.reshape(self.shape)

    def largest(self) -> Tuple[float, float]:
        """Returns the first value of the largest magnitude, and that magnitude."""
        found, most = 0.0, -1.0
        for piece in self.make():
            where = int(np.abs(piece).argmax()) if piece.size else 0
            if piece.size and abs(float(piece[where])) > most:
                found, most = float(piece[where]), abs(float(piece[where]))
        return found, most


def source_of(stored: Any) -> Source:
    """Returns the values of an array, or of a data set of HDF5.

    Args:
        stored: What has a shape, and can be indexed.

    Example:
        >>> source_of(np.eye(2)).array().tolist()
        [[1.0, 0.0], [0.0, 1.0]]
    """
    shape = tuple(stored.shape)

    def make() -> Iterator[np.ndarray]:
        for block in blocks(shape):
            yield np.asarray(stored[block], np.float32).ravel()

    return Source(shape, make)


def held(variable: nn.Variable) -> Source:
    """Returns the values of a parameter that are in memory, without a copy of them.

    Args:
        variable: The parameter.
    """
    return Source(tuple(variable.shape), lambda: source_of(variable.d).make())
