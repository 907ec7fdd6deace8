# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the weights of a layer may become: asked of a quantizer by whoever learns it from data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Optional, Tuple

import numpy as np


@dataclass(frozen=True)
class Table:
    """Values that all weights of a layer share, and how these may move.

    Args:
        entries: The values, sorted, float32, shape (K,).
        project: Puts a table onto what the device wants.
        signs: The entries are these times one number; None where each moves by itself.
        fixed: Whether nothing moves.
        has_zero: Whether one entry stays at zero.
        skips_zero: Whether that one takes the weights that are zero already, and no others.
    """

    entries: np.ndarray
    project: Callable[[np.ndarray], np.ndarray]
    signs: Optional[Tuple[int, ...]] = None
    fixed: bool = False
    has_zero: bool = False
    skips_zero: bool = False

    def open(self, entries: np.ndarray) -> np.ndarray:
        """Returns those of the entries that a weight may choose."""
        return entries[entries != 0] if self.skips_zero else entries

    def basis(self, entries: np.ndarray) -> np.ndarray:
        """Returns what spans the tables that are possible: they are ``basis @ p`` for any p.

        Args:
            entries: The table as it is, sorted, shape (K,).

        Example:
            >>> ternary = Table(np.float32([-1, 0, 1]), np.float32, signs=(-1, 0, 1))
            >>> (ternary.basis(ternary.entries) @ [0.5]).tolist()
            [-0.5, 0.0, 0.5]
        """
        if self.signs is not None:
            return np.array(self.signs, np.float64)[:, None]
        every = np.eye(len(entries))
        return np.delete(every, np.abs(entries).argmin(), 1) if self.has_zero else every


@dataclass(frozen=True)
class Choices:
    """Two values for each weight, the neighbours of its float value, and how to settle on some.

    Args:
        bounds: Makes the next values below the float ones, and the next above, float32 in the
            weight's shape; the same where there is no choice.
        settle: Takes values in the weight's shape, and a table if there is one, and puts them into
            the parameters of the quantizer and the weight.
        table: The values themselves, where they may move.
    """

    bounds: Callable[[], Tuple[np.ndarray, np.ndarray]]
    settle: Callable[[np.ndarray, Optional[np.ndarray]], None]
    table: Optional[Table] = None


def neighbours(values: np.ndarray, entries: np.ndarray) -> Tuple[np.ndarray, np.ndarray]:
    """Returns the entries next below and above each value; at the ends the two outermost.

    Args:
        values: Any shape.
        entries: Sorted.

    Example:
        >>> [x.tolist() for x in neighbours(np.float32([-3, 0.5]), np.float32([-1, 0, 2]))]
        [[-1.0, 0.0], [0.0, 2.0]]
    """
    last = max(len(entries) - 2, 0)
    below = np.clip(np.searchsorted(entries, values, side="right") - 1, 0, last)
    above = np.minimum(below + 1, len(entries) - 1)
    return entries[below].astype(np.float32), entries[above].astype(np.float32)
