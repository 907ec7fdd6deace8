# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Features of items from what they hold: counts of words as a few dense numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnabla_compress.embeddings.scores import unit_rows
from nnabla_compress.errors import ConfigError


def content_rows(features: Any, width: int, tf_idf: bool = True) -> np.ndarray:
    """Returns rows of norm 1 from wide, sparse features, float32 (N, width).

    Args:
        features: (N, D), dense or CSR.
        width: Numbers that are kept: the directions in which rows differ most (a truncated
            singular value decomposition).
        tf_idf: Whether an entry first becomes log(N / rows that have it), entries being there or
            not, and rows get norm 1.

    Raises:
        ConfigError: If there are not as many numbers.

    Example:
        >>> content_rows(np.float32([[1, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]]), 2).shape
        (4, 2)
    """
    from scipy import sparse
    from scipy.sparse.linalg import svds

    rows = sparse.csr_matrix(features, dtype=np.float64)
    if not 1 <= width < min(rows.shape):
        raise ConfigError(
            f"features: {width} numbers of {rows.shape[1]:,} features of {rows.shape[0]:,} items.",
            help=f"keep 1 to {min(rows.shape) - 1}",
        )
    if tf_idf:
        rows.data[:] = 1
        rows.eliminate_zeros()
        # Of an item without a word nothing is known: its row stays 0.
        having = np.maximum(np.asarray(rows.sum(axis=0)).ravel(), 1)
        rows = rows @ sparse.diags(np.log(rows.shape[0] / having))
        norms = np.sqrt(np.asarray(rows.multiply(rows).sum(axis=1)).ravel())
        rows = sparse.diags(1 / np.where(norms > 0, norms, 1)) @ rows
    start = np.random.RandomState(0).randn(min(rows.shape))
    left, values, right = svds(rows.tocsc(), k=width, v0=start)
    order = np.argsort(-values, kind="stable")
    left, values, right = left[:, order], values[order], right[order]
    # A direction and its opposite are the same: the largest entry says which is meant.
    signs = np.sign(right[np.arange(width), np.abs(right).argmax(axis=1)])
    empty = np.asarray(rows.multiply(rows).sum(axis=1)).ravel() == 0
    return unit_rows(np.where(empty[:, np.newaxis], 0, left * values * signs))
