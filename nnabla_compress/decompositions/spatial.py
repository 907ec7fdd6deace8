# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A convolution as a column of weights and then a row of them (Jaderberg)."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.decompositions.truncated_svd import truncated_svd


def spatial_matrix(weight: np.ndarray) -> np.ndarray:
    """Returns the matrix whose singular values a spatial decomposition cuts off.

    Args:
        weight: Of shape (O, I, K, L).

    Returns:
        The matrix, (I K, O L): input channels and rows against output channels and columns.
    """
    outputs, inputs, height, width = weight.shape
    return weight.transpose(1, 2, 0, 3).reshape(inputs * height, outputs * width)


def spatial(weight: np.ndarray, rank: int) -> Tuple[np.ndarray, np.ndarray]:
    r"""Returns a vertical and a horizontal kernel that stand for a square one.

    They are the nearest of their form, by a truncated SVD::

        W[o, i, k, l] = sum_r horizontal[o, r, 0, l] vertical[r, i, k, 0]

    ``r (I K + O L)`` weights stand for ``O I K L``.

    Args:
        weight: Of shape (O, I, K, L).
        rank: From 1 to the smaller of I K and O L.

    Returns:
        The vertical kernel, (rank, I, K, 1), and the horizontal one, (O, rank, 1, L).

    Raises:
        ConfigError: If the rank is out of range.

    References:
        M. Jaderberg, A. Vedaldi, A. Zisserman, Speeding up convolutional neural networks with low
        rank expansions, arXiv:1405.3866.

    Example:
        >>> column, row = np.array([1.0, 2, 1]), np.array([1.0, 0, -1])
        >>> vertical, horizontal = spatial(np.outer(column, row).reshape(1, 1, 3, 3), 1)
        >>> np.allclose(vertical[0, 0] * horizontal[0, 0], np.outer(column, row))
        True
    """
    outputs, inputs, height, width = weight.shape
    left, right = truncated_svd(spatial_matrix(weight), rank)
    vertical = left.reshape(inputs, height, 1, rank).transpose(3, 0, 1, 2)
    horizontal = right.reshape(rank, outputs, 1, width).transpose(1, 0, 2, 3)
    return vertical, horizontal


def spatial_weight(vertical: np.ndarray, horizontal: np.ndarray) -> np.ndarray:
    """Returns the kernel that two kernels stand for.

    Args:
        vertical: Of shape (rank, I, K, 1).
        horizontal: Of shape (O, rank, 1, L).
    """
    product: np.ndarray = np.einsum("rik,orl->oikl", vertical[..., 0], horizontal[:, :, 0])
    return product
