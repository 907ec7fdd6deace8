# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where the values of a quantizer lie, if they are at equal distances."""

from __future__ import annotations

from typing import NamedTuple, Optional

import numpy as np


class LevelGrid(NamedTuple):
    """Levels ``(i + offset) step`` for the whole numbers i from ``first`` to ``last``.

    Args:
        step: Distances of the levels, positive, shape (1,) or (channels,).
        first: Numbers of the lowest levels, of the same shape.
        last: Numbers of the highest levels, likewise.
        offset: 0 where 0 is a level (mid-tread), 1/2 where it lies between two (mid-rise).
        axis: The axis of the tensor along which each index has a step; None for one for all.
        squeeze: None where the tensor itself is rounded to the levels. Else ``tanh(x) / squeeze``
            is, with the largest ``|tanh(x)|`` as squeeze.
    """

    step: np.ndarray
    first: np.ndarray
    last: np.ndarray
    offset: float = 0.0
    axis: Optional[int] = None
    squeeze: Optional[float] = None

    @classmethod
    def of_bits(cls, bits: int, levels: str, scale: float = 1.0) -> LevelGrid:
        """Returns the levels of a number of bits between ``-scale`` and ``scale``.

        Args:
            bits: Bits of a stored value: 2 or more.
            levels: ``"mid-tread"``: 2**bits - 1 levels, 0 among them (WRPN). ``"mid-rise"``:
                2**bits levels, none of them 0 (DoReFa).
            scale: The outermost level, positive.

        Example:
            >>> grid = LevelGrid.of_bits(2, "mid-rise")
            >>> (3 * grid.values()).tolist(), LevelGrid.of_bits(2, "mid-tread").values().tolist()
            ([-3.0, -1.0, 1.0, 3.0], [-1.0, 0.0, 1.0])
        """
        last = np.array([2.0 ** (bits - 1) - 1])
        if levels == "mid-rise":
            return cls(np.array([2 * scale / (2.0**bits - 1)]), -last - 1, last, 0.5)
        return cls(scale / last, -last, last)

    def values(self, channel: int = 0) -> np.ndarray:
        """Returns the levels as values of the tensor, in ascending order.

        Args:
            channel: Index along ``axis``.
        """
        numbers = np.arange(self.first[channel], self.last[channel] + 1)
        levels = (numbers + self.offset) * float(self.step[channel])
        if self.squeeze is None:
            return levels
        return np.arctanh(np.clip(levels * self.squeeze, -1, 1))
