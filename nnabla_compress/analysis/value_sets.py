# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What values a tensor can hold: an interval, and whole multiples of a power of two in it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Iterable, Optional, Sequence

import numpy as np

from nnabla_compress.nnb.content import blocks

EXACT_UNITS = 2.0**24
"""Whole numbers up to this one are exact in float32."""

_FINEST = -149  # the exponent of the smallest float32
_PIECE = 1 << 16  # numbers looked at together, which takes some fifty bytes each


@dataclass(frozen=True)
class Values:
    """Whole multiples of ``2**exponent`` from ``low`` to ``high``.

    Args:
        low: Lower bound, may be infinite.
        high: Upper bound.
        exponent: Of the grid; None for any floats.
    """

    low: float
    high: float
    exponent: Optional[int]

    @classmethod
    def of(cls, array: np.ndarray) -> Values:
        """Returns the values of a constant.

        Example:
            >>> Values.of(np.float32([0.75, -3, 0]))
            Values(low=-3.0, high=0.75, exponent=-2)
        """
        array = np.asarray(array)
        return cls.of_pieces(array[block] for block in blocks(array.shape, _PIECE))

    @classmethod
    def of_pieces(cls, pieces: Iterable[np.ndarray]) -> Values:
        """Returns the values of a constant that comes in pieces, which may be large ones."""
        low, high, exponents = math.inf, -math.inf, []
        for large in pieces:
            for block in blocks(large.shape, _PIECE):
                piece = np.asarray(large[block], np.float64)
                if not piece.size:
                    continue
                if not np.isfinite(piece).all():
                    return ANY
                low, high = min(low, float(piece.min())), max(high, float(piece.max()))
                if piece.any():
                    exponents.append(_exponent(piece[piece != 0]))
        return cls(low, high, min(exponents, default=0)) if low <= high else ANY

    @property
    def peak(self) -> float:
        """The largest magnitude."""
        return max(abs(self.low), abs(self.high))

    @property
    def units(self) -> float:
        """The largest magnitude in steps of the grid; infinite where there is none."""
        return math.inf if self.exponent is None else self.peak / 2.0**self.exponent

    @property
    def exact(self) -> bool:
        """Whether each of these values is a float32."""
        return self.units <= EXACT_UNITS

    def rounded(self) -> Values:
        """Returns what is left of them if each is rounded to a float32."""
        if math.isnan(self.low) or math.isnan(self.high):
            return ANY
        with np.errstate(over="ignore"):
            low, high = float(np.float32(self.low)), float(np.float32(self.high))
        fine = self.exponent is not None and self.exponent >= _FINEST and self.exact
        return Values(low, high, self.exponent if fine else None)

    def negative(self) -> Values:
        """Returns -x."""
        return Values(-self.high, -self.low, self.exponent)

    def magnitude(self) -> Values:
        """Returns abs(x)."""
        inside = self.low <= 0 <= self.high
        low = 0.0 if inside else min(abs(self.low), abs(self.high))
        return Values(low, self.peak, self.exponent)

    def to_integers(self) -> Values:
        """Returns x rounded to whole numbers."""
        exponent = 0 if self.exponent is None else max(self.exponent, 0)
        if math.isinf(self.peak):
            return Values(self.low, self.high, exponent)
        low, high = (math.copysign(math.floor(abs(x) + 0.5), x) for x in (self.low, self.high))
        return Values(low, high, exponent)

    def at_least(self, other: Values) -> Values:
        """Returns the larger one of x and another."""
        low, high = max(self.low, other.low), max(self.high, other.high)
        return Values(low, high, _common(self.exponent, other.exponent))

    def at_most(self, other: Values) -> Values:
        """Returns the smaller one of x and another."""
        low, high = min(self.low, other.low), min(self.high, other.high)
        return Values(low, high, _common(self.exponent, other.exponent))

    def __add__(self, other: Values) -> Values:
        exponent = _common(self.exponent, other.exponent)
        return Values(self.low + other.low, self.high + other.high, exponent).rounded()

    def __mul__(self, other: Values) -> Values:
        pairs = ((a, b) for a in (self.low, self.high) for b in (other.low, other.high))
        # A bound of zero stays zero, also times infinity.
        products = [a * b if a and b else 0.0 for a, b in pairs]
        exponent = None
        if self.exponent is not None and other.exponent is not None:
            exponent = self.exponent + other.exponent
        return Values(min(products), max(products), exponent).rounded()


ANY = Values(-math.inf, math.inf, None)
SIGNS = Values(-1.0, 1.0, 0)


def union(parts: Sequence[Values]) -> Values:
    """Returns what any of several tensors can hold.

    Example:
        >>> union([Values(0.0, 1.0, 0), Values(-1.0, 0.5, -1)])
        Values(low=-1.0, high=1.0, exponent=-1)
    """
    exponent = parts[0].exponent
    for part in parts[1:]:
        exponent = _common(exponent, part.exponent)
    return Values(min(p.low for p in parts), max(p.high for p in parts), exponent)


def _common(a: Optional[int], b: Optional[int]) -> Optional[int]:
    """The exponent of the coarsest grid that holds both."""
    return None if a is None or b is None else min(a, b)


def _exponent(numbers: np.ndarray) -> int:
    """The exponent of the largest power of two that numbers, none of them 0, are multiples of."""
    mantissa, exponents = np.frexp(numbers)
    digits = np.ldexp(mantissa, 24).astype(np.int64)
    lowest = np.frexp((digits & -digits).astype(np.float64))[1] - 1
    return int((exponents - 24 + lowest).min())
