# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Numbers as a report writes them."""

from __future__ import annotations

from typing import Optional

from nnabla_compress.sizes import size_text

MINUS, NARROW = "\u2212", "\u202f"


def percent(share: float, digits: int = 2) -> str:
    """Returns a share of 1 in percent.

    Args:
        share: The share.
        digits: Behind the point.

    Example:
        >>> percent(0.98333)
        '98.33 %'
    """
    return f"{100 * share:.{digits}f} %".replace("-", MINUS)


def size(bytes: float) -> str:
    """Returns a size; 1 kB = 1024 B.

    Args:
        bytes: The size.

    Example:
        >>> size(6148), size(400)
        ('6.00 kB', '400 B')
    """
    return size_text(max(bytes, 0))


def count(number: float) -> str:
    """Returns a number of things in few digits.

    Args:
        number: 0 or more.

    Example:
        >>> count(950), count(10500), count(41_234_567)
        ('950', '10.5 k', '41.2 M')
    """
    for unit, name in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= unit:
            return f"{number / (1e3 if name == 'k' else unit):.1f} {name}"
    return f"{number:,.0f}"


def short(number: float) -> str:
    """Returns any number in few digits.

    Args:
        number: The number.

    Example:
        >>> short(0.01234), short(-3.0), short(12345.6)
        ('0.0123', '−3', '12,346')
    """
    said = f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.3g}"
    return said.replace("-", MINUS)


def signed(number: float, digits: int = 2) -> str:
    """Returns a difference with its sign.

    Args:
        number: The difference.
        digits: Behind the point.

    Example:
        >>> signed(0.5), signed(-0.28)
        ('+0.50', '−0.28')
    """
    return f"{number:+.{digits}f}".replace("-", MINUS)


def times(before: Optional[float], after: Optional[float]) -> str:
    """Returns by what factor something became smaller or larger, "" where that can't be told.

    Args:
        before: What it was.
        after: What it is.

    Example:
        >>> times(43600, 6148), times(5120, 52224), times(0, 1), times(5, 5)
        ('7.1 × smaller', '10 × larger', '', 'as before')
    """
    if not before or not after or before < 0 or after < 0:
        return ""
    factor = max(before / after, after / before)
    if factor < 1.005:
        return "as before"
    said = f"{factor:.2f}" if factor < 2 else f"{factor:.1f}" if factor < 9.95 else f"{factor:.0f}"
    return f"{said} × {'smaller' if after < before else 'larger'}"
