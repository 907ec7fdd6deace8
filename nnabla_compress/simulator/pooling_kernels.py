# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Loops of pooling: taps of a window in raster order, many samples at once."""

from __future__ import annotations

import numba

from nnabla_compress.kernels.cache import CACHE


@numba.njit(cache=CACHE)
def add_windows(x, starts, ends, out):  # type: ignore[no-untyped-def]
    """Adds up windows.

    Args:
        x: (maps, height, width, depth, lanes).
        starts: int64 (3, longest axis): where the windows of each output position start.
        ends: Likewise where they end.
        out: (maps, height, width, depth, lanes) of the type to add in; overwritten.
    """
    for n in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                for k in range(out.shape[3]):
                    for lane in range(out.shape[4]):
                        out[n, i, j, k, lane] = 0
                    for a in range(starts[0, i], ends[0, i]):
                        for b in range(starts[1, j], ends[1, j]):
                            for c in range(starts[2, k], ends[2, k]):
                                for lane in range(out.shape[4]):
                                    out[n, i, j, k, lane] += x[n, a, b, c, lane]


@numba.njit(cache=CACHE)
def largest_of_windows(x, starts, ends, out):  # type: ignore[no-untyped-def]
    """Takes the largest of each window; arguments as in :func:`add_windows`."""
    for n in range(out.shape[0]):
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                for k in range(out.shape[3]):
                    first, second, third = starts[0, i], starts[1, j], starts[2, k]
                    for lane in range(out.shape[4]):
                        out[n, i, j, k, lane] = x[n, first, second, third, lane]
                    for a in range(first, ends[0, i]):
                        for b in range(second, ends[1, j]):
                            for c in range(third, ends[2, k]):
                                for lane in range(out.shape[4]):
                                    if out[n, i, j, k, lane] < x[n, a, b, c, lane]:
                                        out[n, i, j, k, lane] = x[n, a, b, c, lane]
