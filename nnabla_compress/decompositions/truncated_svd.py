# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The best approximation of a matrix by the product of two thin ones."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.decompositions.ranks import check_rank


def truncated_svd(
    matrix: np.ndarray, rank: int, left_share: float = 0.5
) -> Tuple[np.ndarray, np.ndarray]:
    r"""Returns two factors whose product is the nearest matrix of a rank.

    Of ``matrix = U S V^T`` the largest singular values stay::

        left = U_r S_r^a,    right = S_r^(1 - a) V_r^T,    |matrix - left right|^2 = sum_{i>r} s_i^2

    No other matrix of that rank is nearer.

    Args:
        matrix: Of shape (m, n).
        rank: From 1 to the smaller of m and n.
        left_share: The exponent a. With 1/2 both factors hold values of alike size, which training
            and quantizers want; with 1 the singular values are in the left one, as NNabla's layers
            have them.

    Returns:
        The factors, (m, rank) and (rank, n), float64.

    Raises:
        ConfigError: If the rank is out of range.

    References:
        C. Eckart, G. Young, The approximation of one matrix by another of lower rank, 1936.

    Example:
        >>> left, right = truncated_svd(np.array([[3.0, 0], [4, 5], [0, 0]]), 1)
        >>> left.shape, right.shape, (left @ right).round(6).tolist()
        ((3, 1), (1, 2), [[1.5, 1.5], [4.5, 4.5], [0.0, 0.0]])
    """
    check_rank(rank, min(matrix.shape))
    u, s, v = np.linalg.svd(np.asarray(matrix, np.float64), full_matrices=False)
    u, s, v = u[:, :rank], s[:rank], v[:rank]
    return u * s**left_share, s[:, None] ** (1 - left_share) * v
