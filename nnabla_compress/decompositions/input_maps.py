# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A few kernels for each input map, and a 1x1 convolution of all of them: NNabla's SVD layer."""

from __future__ import annotations

from typing import Tuple

import numpy as np

from nnabla_compress.decompositions.truncated_svd import truncated_svd


def input_maps(weight: np.ndarray, rank: int) -> Tuple[np.ndarray, np.ndarray]:
    r"""Returns kernels for each input map by itself, and the matrix that makes outputs of them.

    By a truncated SVD of each map's kernels, as ``PF.svd_convolution`` has it::

        W[o, i] = sum_r last[o, i rank + r] depthwise[i rank + r]

    ``I r (K K + O)`` weights stand for ``O I K K``: fewer only for ``r < O K K / (K K + O)``, which
    is below 9 for 3x3 kernels.

    Args:
        weight: Of shape (O, I, ...).
        rank: Of each map, from 1 to the smaller of O and the weights of a kernel.

    Returns:
        The kernels, (I rank, ...), and the matrix, (O, I rank).

    Raises:
        ConfigError: If the rank is out of range.

    Example:
        >>> depthwise, last = input_maps(np.ones((8, 3, 3, 3)), 1)
        >>> depthwise.shape, last.shape
        ((3, 3, 3), (8, 3))
    """
    outputs, inputs, *kernel = weight.shape
    depthwise, last = [], []
    for channel in range(inputs):
        # NNabla has the singular values in the kernels, too.
        left, right = truncated_svd(weight[:, channel].reshape(outputs, -1).T, rank, left_share=1)
        depthwise.append(left.T.reshape(rank, *kernel))
        last.append(right.T)
    return np.concatenate(depthwise), np.concatenate(last, axis=1)


def input_maps_weight(depthwise: np.ndarray, last: np.ndarray, inputs: int) -> np.ndarray:
    """Returns the weight that kernels of input maps and a matrix stand for.

    Args:
        depthwise: Of shape (I rank, ...).
        last: Of shape (O, I rank).
        inputs: The number I of input maps.
    """
    kernels = depthwise.reshape(inputs, -1, *depthwise.shape[1:])
    matrices = last.reshape(len(last), inputs, -1)
    product: np.ndarray = np.einsum("oir,ir...->oi...", matrices, kernels)
    return product
