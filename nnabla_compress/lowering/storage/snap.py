# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Putting free dictionaries on an integer grid, so that they decode exactly from INT8."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.lowering.storage.coded import common_scale

_LARGEST = 127
_CANDIDATES = 4096
# Significant bits of a scale whose products with INT8 numbers are exact in float32.
_SCALE_BITS = 16


@dataclass(frozen=True)
class Snapped:
    """An encoding whose dictionary was put on a grid.

    Args:
        encoding: The new encoding, of the same codes.
        largest_change: Largest change of a value, over the largest magnitude of the dictionary.
        root_mean_square_change: Root of the mean squared change of the tensor, over that of the
            tensor itself.
    """

    encoding: Encoding
    largest_change: float
    root_mean_square_change: float


def snap_dictionary(encoding: Encoding) -> Snapped:
    """Rounds a dictionary to integers from -127 to 127 times one scale.

    The scale is the one, of some thousand between those that give the largest value 64 and 127,
    with the smallest squared change of the tensor. Its products with the integers are exact in
    float32. What lies on such a grid, or has no dictionary, stays as it is.

    Args:
        encoding: Any.

    Example:
        >>> dictionary = np.float32([0.1, 0.31415])
        >>> snapped = snap_dictionary(Encoding(np.array([0, 1]), 1, dictionary=dictionary))
        >>> common_scale(snapped.encoding.dictionary) is not None
        True
    """
    if encoding.dictionary is None or common_scale(encoding.dictionary) is not None:
        return Snapped(encoding, 0.0, 0.0)
    dictionary = encoding.dictionary.astype(np.float64)
    counts = np.bincount(encoding.codes.ravel(), minlength=len(dictionary)).astype(np.float64)
    counts /= max(counts.sum(), 1)
    peak = np.abs(dictionary).max()
    scales = peak / np.linspace(_LARGEST / 2, _LARGEST + 0.5, _CANDIDATES)
    mantissas, exponents = np.frexp(scales)
    scales = np.ldexp(np.round(np.ldexp(mantissas, _SCALE_BITS)), exponents - _SCALE_BITS)
    whole = np.clip(np.rint(dictionary / scales[:, None]), -_LARGEST, _LARGEST)
    changes = whole * scales[:, None] - dictionary
    squared = changes**2 @ counts
    best = int(np.argmin(squared))
    values = (whole[best] * scales[best]).astype(np.float32) + np.float32(0)
    power = float(dictionary**2 @ counts)
    return Snapped(
        replace(encoding, dictionary=values),
        float(np.abs(changes[best]).max() / peak),
        float(np.sqrt(squared[best] / power)) if power else 0.0,
    )
