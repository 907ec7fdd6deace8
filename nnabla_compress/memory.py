# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Giving freed memory back to the system, which NNabla and the C library keep for the next use."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from typing import Any, Optional

from nnabla_ext.cpu import clear_memory_cache


def give_back() -> None:
    """Gives back what is not in use: arrays of other sizes would not take it.

    Example:
        >>> give_back()
    """
    clear_memory_cache()
    trim = _trim()
    if trim is not None:
        trim(0)


@lru_cache(maxsize=None)
def _trim() -> Optional[Any]:
    """``malloc_trim`` of the C library, None where it has none."""
    try:
        return ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return None
