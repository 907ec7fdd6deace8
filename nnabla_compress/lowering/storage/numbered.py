# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Codes of a byte as numbers of the levels that occur, without a second array of that many."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Tuple

import numpy as np


@dataclass(frozen=True)
class NumberedCodes:
    """Which level each element takes, looked up as it is read.

    Args:
        codes: int8 or uint8.
        numbers: For each of the 256 bytes the number of its level.

    Example:
        >>> numbers = np.zeros(256, np.uint8)
        >>> numbers[[254, 3]] = 0, 1
        >>> NumberedCodes(np.int8([[3, -2], [3, 3]]), numbers)[0].tolist()
        [1, 0]
    """

    codes: np.ndarray
    numbers: np.ndarray

    @property
    def shape(self) -> Tuple[int, ...]:
        """Shape of the codes."""
        return self.codes.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.codes.ndim

    @property
    def size(self) -> int:
        """Number of codes."""
        return self.codes.size

    def __getitem__(self, place: Any) -> np.ndarray:
        return self.numbers[self.codes[place].view(np.uint8)]

    def __array__(self, dtype: Any = None) -> np.ndarray:
        found = self[...]
        return found if dtype is None else found.astype(dtype, copy=False)

    def transpose(self, axes: Tuple[int, ...]) -> NumberedCodes:
        """Returns the same with its axes in another order.

        Args:
            axes: For each new axis the old one.
        """
        return replace(self, codes=self.codes.transpose(axes))

    def reshape(self, shape: Tuple[int, ...]) -> NumberedCodes:
        """Returns the same in another shape.

        Args:
            shape: The shape.
        """
        return replace(self, codes=self.codes.reshape(shape))
