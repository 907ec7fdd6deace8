# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A convolution to few channels, and a 1x1 convolution to all of them (Zhang)."""

from __future__ import annotations

from typing import Optional, Tuple

import numpy as np

from nnabla_compress.decompositions.ranks import check_rank
from nnabla_compress.decompositions.truncated_svd import truncated_svd


def channel(
    weight: np.ndarray, rank: int, responses: Optional[np.ndarray] = None
) -> Tuple[np.ndarray, np.ndarray]:
    r"""Returns a kernel with fewer outputs, and the matrix that makes all outputs of these.

    Without responses they are the nearest to the weights; with the second moments ``M = E[y y^T]``
    of the layer's responses they are nearest to these, with the leading eigenvectors U_r of M::

        W[o] = sum_r last[o, r] first[r],       first = U_r^T W,    last = U_r

    ``r (I K K + O)`` weights stand for ``O I K K``.

    Args:
        weight: Of shape (O, ...).
        rank: From 1 to the smaller of O and the weights of an output.
        responses: Of shape (O, O): second moments, or covariances, of the layer's outputs.

    Returns:
        The kernel, (rank, ...), and the matrix, (O, rank).

    Raises:
        ConfigError: If the rank is out of range.

    References:
        X. Zhang, J. Zou, K. He, J. Sun, Accelerating very deep convolutional networks for
        classification and detection, arXiv:1505.06798.

    Example:
        >>> weight = np.array([[3.0, 0], [4, 5], [0, 0]])
        >>> first, last = channel(weight, 1, responses=np.diag([1.0, 0, 0]))
        >>> np.abs(last @ first).tolist()  # only the first output ever responds
        [[3.0, 0.0], [0.0, 0.0], [0.0, 0.0]]
    """
    matrix = np.asarray(weight, np.float64).reshape(len(weight), -1)
    if responses is None:
        last, first = truncated_svd(matrix, rank)
    else:
        check_rank(rank, min(matrix.shape))
        last = response_basis(responses)[:, :rank]
        first = last.T @ matrix
        # Both factors get values of alike size, which training and quantizers want.
        sizes = np.sqrt(np.linalg.norm(first, axis=1))
        sizes = np.where(sizes > 0, sizes, 1.0)
        last, first = last * sizes, first / sizes[:, None]
    return first.reshape((rank, *weight.shape[1:])), last


def channel_weight(first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Returns the weight that a kernel and a matrix stand for.

    Args:
        first: Of shape (rank, ...).
        last: Of shape (O, rank).
    """
    return np.tensordot(last, first, 1)


def response_basis(responses: np.ndarray) -> np.ndarray:
    """Returns the directions of responses as columns, those of the largest energy first.

    Args:
        responses: Second moments, or covariances, (O, O).
    """
    _, vectors = np.linalg.eigh(np.asarray(responses, np.float64))
    return np.asarray(vectors[:, ::-1])
