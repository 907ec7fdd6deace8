# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much a file may ask for: in proportion to its size, so that no small one takes all memory.

A file of up to 1 MiB may ask for what the fields of :class:`Limits` say; a larger one for more in
proportion. The environment variable ``NNABLA_COMPRESS_LIMITS`` is a factor on all of them.
"""

from __future__ import annotations

import math
import os
from dataclasses import astuple, dataclass

from nnabla_compress.errors import ConfigError, LimitError

VARIABLE = "NNABLA_COMPRESS_LIMITS"
MOST_SAMPLES = 4
"""How many times as much as one sample a batch may take that is computed."""
_UNIT = 2**20
# Large files of ours hold bits and one-hot codes as floats, which shrink in an archive.
_STEEPER = 4


@dataclass(frozen=True)
class Limits:
    """What a file may ask for.

    Args:
        bytes: Of what it unpacks to, and of all its arrays as float32.
        tokens: Words, numbers and lines of its texts.
        functions: Functions and variables of its networks, loops written out.
        values: Values of all variables of one of its networks, for one sample; four times as many
            for a batch that somebody else chose.
        products: Multiplications of one of its networks, likewise.
    """

    bytes: int = 2**24
    tokens: int = 2**20
    functions: int = 2_500
    values: int = 2**25
    products: int = 4 * 10**9

    @classmethod
    def of(cls, size: int) -> Limits:
        """Returns the limits of a file.

        Args:
            size: Its bytes.

        Raises:
            ConfigError: If the environment variable is no number above zero.

        Example:
            >>> Limits.of(50_000) == Limits(), Limits.of(3 * 2**20).bytes / 2**24
            (True, 9.0)
        """
        factor = _given() * (1 + _STEEPER * max(0.0, size / _UNIT - 1))
        return cls(*(int(number * factor) for number in astuple(cls())))


def check_limit(where: str, what: str, size: float, limit: float) -> None:
    """Refuses what is above a limit.

    Args:
        where: The file, or what of it.
        what: What it does, e.g. "unpacks to"; the number and the unit follow.
        size: How much it asks for.
        limit: How much it may.

    Raises:
        LimitError: With both numbers, and how the limit is raised.

    Example:
        >>> check_limit("net.nnp", "unpacks to {:,} bytes", 2000, 1000)
        Traceback (most recent call last):
        ...
        nnabla_compress.errors.LimitError: net.nnp unpacks to 2,000 bytes, the limit is 1,000.
        help: such a file is damaged or made to harm; if you trust it, set NNABLA_COMPRESS_LIMITS=2
    """
    if size <= limit:
        return
    factor = math.ceil(_given() * size / max(limit, 1)) if size < math.inf else 0
    way = f"; if you trust it, set {VARIABLE}={factor}" if 0 < factor <= 1000 else ""
    number = what.format(int(size) if size < 2**53 else float(f"{size:.3g}"))
    raise LimitError(
        f"{where} {number}, the limit is {int(limit):,}.",
        help=f"such a file is damaged or made to harm{way}",
    )


def _given() -> float:
    text = os.environ.get(VARIABLE, "").strip() or "1"
    try:
        factor = float(text)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise ConfigError(
            f"the environment variable {VARIABLE} is {text!r}.",
            help="give a factor on the limits of files, such as 10",
        )
    return factor
