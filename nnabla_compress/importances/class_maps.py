# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where in a sample a network sees a class: maps of single inputs, from weights of channels.

``max(0, sum_k w_c^k A^k)`` with the weights w of :mod:`~nnabla_compress.importances.chip`, brought
to the size of the input. Those of several layers are multiplied: deep layers tell classes apart,
shallow ones know where (refined CHIP).
"""

from __future__ import annotations

from typing import Optional, Sequence

import numpy as np


def class_map(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns where a map speaks for a class: ``max(0, sum_k w^k A^k)``, of maximum 1.

    Args:
        values: Maps of samples, (N, channels, ...).
        weights: Of the channels, (channels,), or for each sample, (N, channels).

    Returns:
        (N, ...); zeros where nothing speaks for it.

    Example:
        >>> class_map(np.array([[[1.0, 4.0], [2.0, 0.0]]]), np.array([1.0, -1.0])).tolist()
        [[0.0, 1.0]]
    """
    weights = np.broadcast_to(weights, values.shape[:2])
    found = np.maximum(np.einsum("nk...,nk->n...", values, weights), 0)
    most = found.reshape(len(found), -1).max(axis=1).reshape(-1, *(1,) * (found.ndim - 1))
    return np.divide(found, most, out=np.zeros_like(found), where=most > 0)


def refined(found: Sequence[np.ndarray], shape: Sequence[int]) -> np.ndarray:
    """Returns maps of several layers multiplied, each brought to one size, of maximum 1.

    Args:
        found: Maps (N, height, width) as of :func:`class_map`, of any sizes.
        shape: Height and width of the result.
    """
    product: Optional[np.ndarray] = None
    for each in found:
        sized = upsampled(each, shape)
        product = sized if product is None else product * sized
    assert product is not None
    most = product.reshape(len(product), -1).max(axis=1).reshape(-1, 1, 1)
    return np.divide(product, most, out=np.zeros_like(product), where=most > 0)


def upsampled(values: np.ndarray, shape: Sequence[int]) -> np.ndarray:
    """Returns maps of another size, values between being interpolated linearly.

    Args:
        values: (N, height, width).
        shape: The new height and width.

    Example:
        >>> upsampled(np.array([[[0.0, 1.0]]]), (1, 4)).tolist()
        [[[0.0, 0.25, 0.75, 1.0]]]
    """
    for axis, size in zip((1, 2), shape):
        old = values.shape[axis]
        # Pixels are areas: their centres stand for them.
        places = np.clip((np.arange(size) + 0.5) * old / size - 0.5, 0, old - 1)
        lower = np.floor(places).astype(int)
        part = (places - lower).reshape(-1, *(1,) * (2 - axis))
        upper = np.minimum(lower + 1, old - 1)
        values = values.take(lower, axis) * (1 - part) + values.take(upper, axis) * part
    return values
