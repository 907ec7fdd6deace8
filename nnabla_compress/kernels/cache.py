# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Whether compiled kernels can be kept on disk: beside the package, or in the user's cache."""

from __future__ import annotations

import numba


def _can_cache() -> bool:
    # Numba looks for a folder that it may write to, and raises where there is none. Kernels are
    # then compiled anew by each process.
    try:
        numba.njit(cache=True)(_nothing)
    except RuntimeError:
        return False
    return True


def _nothing() -> None:
    """Is never compiled."""


CACHE = _can_cache()
