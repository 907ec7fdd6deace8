# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Freeing memory, and giving it back to the system: NNabla and the C library would keep it."""

from __future__ import annotations

import ctypes
import gc
from functools import lru_cache
from typing import Any, Optional

from nnabla_ext.cpu import clear_memory_cache

# Fewer numbers are not worth the walk over all objects of the process.
_MANY = 1 << 20
LARGE = 1 << 20
"""Numbers of a weight that is large: its values are made late, and are let go of early."""


def forget(numbers: int) -> None:
    """Frees graphs that nobody holds but they each other, where arrays of theirs may be large.

    Args:
        numbers: How many numbers a graph of them holds.

    Example:
        >>> forget(4_000_000)
    """
    if numbers >= _MANY:
        gc.collect()


def imports_stay() -> None:
    """Takes all objects that there are out of the walks for such graphs, once a process.

    Each walk over what imports alone have made takes a twentieth of a second. It is for programs,
    which know when they have imported what they need, not for the library.

    Example:
        >>> imports_stay()
        >>> gc.get_freeze_count() > 0
        True
    """
    if not gc.get_freeze_count():
        gc.freeze()


def is_large(numbers: int) -> bool:
    """Returns whether a weight is large enough that its values are better not kept.

    Args:
        numbers: How many there are.

    Example:
        >>> is_large(4_096), is_large(4_096 * 4_096)
        (False, True)
    """
    return numbers > LARGE


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
