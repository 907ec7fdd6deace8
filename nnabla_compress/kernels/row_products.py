# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Products of rows and weights whose bits do not depend on which rows stand beside each other.

BLAS chooses its order of additions by the sizes of a product, so that a row can come out otherwise
in a larger batch. Here each row is added up in the order of its entries, in float32.
"""

from __future__ import annotations

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared


def row_products(
    x: np.ndarray, weight: np.ndarray, bias: np.ndarray, relu: bool, out: np.ndarray
) -> None:
    """Writes ``x @ weight + bias`` to ``out``, below 0 nothing where that is asked for.

    Args:
        x: float32 (N, D).
        weight: float32 (D, M).
        bias: float32 (M,).
        relu: Whether negative sums become 0.
        out: float32 (N, M); overwritten.

    Example:
        >>> out = np.empty((1, 2), np.float32)
        >>> row_products(np.float32([[1, 2]]), np.float32([[1, -1], [1, -1]]), np.ones(2, "f4"),
        ...              True, out)
        >>> out.tolist()
        [[4.0, 0.0]]
    """
    _row_products(out.size * x.shape[1], x, weight, bias, relu, out)


def weighted_sums(rows: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """Writes the weighted sum over the second axis to ``out``, added up in its order.

    Args:
        rows: float32 (N, T, M).
        weights: float32 (N, T); rows of weight 0 are not read.
        out: float32 (N, M); overwritten.

    Example:
        >>> out = np.empty((1, 1), np.float32)
        >>> weighted_sums(np.float32([[[2], [4]]]), np.float32([[0.5, 0.25]]), out)
        >>> out.tolist()
        [[2.0]]
    """
    _weighted_sums(rows.size, rows, weights, out)


@shared(nogil=True)
def _row_products(x, weight, bias, relu, out):  # type: ignore[no-untyped-def]
    for i in numba.prange(out.shape[0]):
        sums = out[i]
        for j in range(out.shape[1]):
            sums[j] = bias[j]
        for k in range(x.shape[1]):
            value = x[i, k]
            for j in range(out.shape[1]):
                sums[j] += value * weight[k, j]
        if relu:
            for j in range(out.shape[1]):
                sums[j] = max(sums[j], np.float32(0))


@shared(nogil=True)
def _weighted_sums(rows, weights, out):  # type: ignore[no-untyped-def]
    for i in numba.prange(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = 0
        for t in range(rows.shape[1]):
            weight = weights[i, t]
            if weight != 0:
                for j in range(out.shape[1]):
                    out[i, j] += weight * rows[i, t, j]
