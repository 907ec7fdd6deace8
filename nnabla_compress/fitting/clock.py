# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How much time there is, and how much was used."""

from __future__ import annotations

import re
import time
from typing import Tuple

from nnabla_compress.errors import ConfigError

_UNITS = {"": 1.0, "s": 1.0, "min": 60.0, "h": 3600.0}


def parse_time(text: str) -> float:
    """Returns a time in seconds.

    Args:
        text: Such as "30min", "90s", "1.5 h", or a number of seconds.

    Raises:
        ConfigError: If it is none.

    Example:
        >>> parse_time("30min"), parse_time("90"), parse_time("1.5 h")
        (1800.0, 90.0, 5400.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*(s|min|h|)\s*", text)
    seconds = float(found.group(1)) * _UNITS[found.group(2)] if found else 0.0
    if seconds <= 0:
        raise ConfigError(f"--time is {text!r}.", help="give for instance 30min, 90s or 2h")
    return seconds


def time_text(seconds: float) -> str:
    """Returns a time as people say it.

    Args:
        seconds: The time.

    Example:
        >>> time_text(7.4), time_text(95), time_text(7300)
        ('7 s', '1.6 min', '2.0 h')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


class Clock:
    """Runs from when it is made.

    Args:
        limit: Seconds that there are.

    Example:
        >>> clock = Clock(100.0)
        >>> 0 < clock.left <= 100
        True
    """

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._began = self.now()

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.limit - (self.now()[0] - self._began[0])

    @staticmethod
    def now() -> Tuple[float, float]:
        """Returns the time on the clock, and that of the processor, in seconds."""
        return time.monotonic(), time.process_time()
