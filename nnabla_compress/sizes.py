# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sizes of memory as people write them; 1 kB = 1024 B."""

from __future__ import annotations

import math
import re
from typing import Union

from nnabla_compress.errors import ConfigError

_UNITS = {"": 1, "b": 1, "kb": 1024, "mb": 1024**2, "kib": 1024, "mib": 1024**2}


def parse_size(size: Union[str, int, float], what: str = "budget") -> float:
    """Returns a size in bytes; 1 kB = 1024 B.

    Args:
        size: A number of bytes, or text such as "70 kB", "1.5 MB" or "512 B".
        what: What messages call it.

    Raises:
        ConfigError: If it is no size, negative, or of an unknown unit.

    Example:
        >>> parse_size("70 kB"), parse_size(100)
        (71680.0, 100.0)
    """
    found = re.fullmatch(r"\s*([-+]?[0-9.]+(?:[eE][-+]?\d+)?)\s*([A-Za-z]*)\s*", str(size))
    try:
        number = float(found.group(1)) if found else float("nan")
    except ValueError:
        number = float("nan")
    unit = found.group(2).lower() if found else ""
    if not math.isfinite(number) or isinstance(size, bool):
        raise ConfigError(f"{what}: {size!r} is no size.", help="write for instance '70 kB'")
    if unit not in _UNITS:
        raise ConfigError(
            f"{what}: unknown unit {found.group(2) if found else ''!r} in {size!r}.",
            help="the units are B, kB (1024 B) and MB (1024 kB)",
        )
    if number <= 0:
        raise ConfigError(f"{what}: {size!r} is not positive.", help="write for instance '70 kB'")
    return number * _UNITS[unit]


def size_text(bytes: float) -> str:
    """Returns a size as it is printed.

    Args:
        bytes: The size, 0 or more.

    Example:
        >>> size_text(71680), size_text(512)
        ('70.00 kB', '512 B')
    """
    if bytes < 1024:
        return f"{bytes:.0f} B"
    if bytes < 1024**2:
        return f"{bytes / 1024:.2f} kB"
    return f"{bytes / 1024**2:.2f} MB"
