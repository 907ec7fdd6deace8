# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The order in which a network file holds a weight, and the output map of each of its numbers."""

from __future__ import annotations

import math
from typing import Sequence, Tuple

import numpy as np


def file_shape(type_name: str, shape: Sequence[int]) -> Tuple[int, ...]:
    """Returns the shape of a weight as the file holds it.

    Args:
        type_name: Type of the function that reads it.
        shape: Shape of the weight in NNabla, which the variable of the file has, too.

    Returns:
        (outputs, inputs) for an Affine, whose weight the converter transposes; else ``shape``.

    Example:
        >>> file_shape("Affine", (8, 2, 3)), file_shape("Convolution", (4, 3, 5, 5))
        ((6, 8), (4, 3, 5, 5))
    """
    if type_name == "Affine":
        return math.prod(shape[1:]), shape[0]
    return tuple(shape)


def in_file_order(type_name: str, weight: np.ndarray) -> np.ndarray:
    """Returns a weight of NNabla as the file holds it, a view of it where that can be.

    Args:
        type_name: Type of the function that reads it.
        weight: The weight, or its codes.

    Example:
        >>> in_file_order("Affine", np.array([[1, 2], [3, 4], [5, 6]])).tolist()
        [[1, 3, 5], [2, 4, 6]]
    """
    if type_name == "Affine":
        return weight.reshape(weight.shape[0], -1).T
    return weight


def output_maps(type_name: str, shape: Sequence[int], group: int = 1) -> np.ndarray:
    """Returns the output map that each number of a weight belongs to.

    Args:
        type_name: Type of the function that reads it.
        shape: Shape of the weight in NNabla.
        group: Groups of a Deconvolution.

    Returns:
        int64 of :func:`file_shape`.

    Example:
        >>> output_maps("Deconvolution", (2, 3, 1), group=2)[..., 0].tolist()
        [[0, 1, 2], [3, 4, 5]]
    """
    held = file_shape(type_name, shape)
    if type_name != "Deconvolution":
        return np.broadcast_to(np.arange(held[0]).reshape(-1, *[1] * (len(held) - 1)), held)
    each = held[0] // group
    maps = np.arange(held[0])[:, None] // each * held[1] + np.arange(held[1])
    return np.broadcast_to(maps.reshape(*maps.shape, *[1] * (len(held) - 2)), held)
