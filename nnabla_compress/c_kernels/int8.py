# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights as the int8 kernels take them: integers of 8 bits, with a scale for each output map."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Tuple

import numpy as np

from nnabla_compress.c_kernels.layout import FLOAT_BITS, PackedWeights

_LARGEST = 127
_FEWEST_STEPS = 64  # that the largest value may be; with fewer the others are only coarser
_BITS = 8


def int8_weights(packed: PackedWeights, maps: np.ndarray) -> PackedWeights:
    """Returns packed weights whose levels are integers of -128 to 127.

    Codes and bits stay. A dictionary of other values is rounded to the multiples of a step, of all
    the ones whose 64th to 127th multiple is its largest value the one with the least squared error.

    Args:
        packed: The weights, as codes or as floats.
        maps: Output map of each of them, in the same order.

    Example:
        >>> packed = PackedWeights(np.array([0, 1, 2, 3]), 2, np.float32([-1, 0, 0.5, 0.25]))
        >>> found = int8_weights(packed, np.zeros(4, int))
        >>> found.dictionary.tolist(), found.scales.tolist()
        ([-64.0, 0.0, 32.0, 16.0], [0.015625])
    """
    if packed.bits == FLOAT_BITS:
        return _rounded(np.asarray(packed.codes, np.float32), maps)
    if packed.dictionary is None:
        low, high = -packed.zero_point, 2**packed.bits - 1 - packed.zero_point
        if low >= -_LARGEST - 1 and high <= _LARGEST:
            return packed
        dictionary = np.arange(low, high + 1, dtype=np.float32)
    else:
        dictionary = packed.dictionary
    if (dictionary == np.rint(dictionary)).all() and np.abs(dictionary).max() <= _LARGEST:
        return replace(packed, dictionary=dictionary)
    count = int(maps.max()) + 1
    if dictionary.ndim == 1:
        used = np.bincount(np.asarray(packed.codes).ravel(), minlength=2**packed.bits)
        levels, step = _stepped(dictionary, used)
        before = np.ones(1, np.float32) if packed.scales is None else packed.scales
        return replace(packed, dictionary=levels, scales=(before * step).astype(np.float32))
    found = [_stepped(row, np.ones(row.size)) for row in dictionary]
    steps = np.array([step for _, step in found], np.float32)
    before = np.ones(count, np.float32) if packed.scales is None else packed.scales
    return replace(
        packed,
        dictionary=np.stack([levels for levels, _ in found]),
        scales=(before * steps).astype(np.float32),
    )


def _stepped(values: np.ndarray, used: np.ndarray) -> Tuple[np.ndarray, np.float32]:
    """Values as multiples of a step, and the step."""
    exact = values.astype(np.float64)
    largest = np.abs(exact).max()
    if largest == 0:
        return np.zeros_like(values), np.float32(1)
    best: Optional[Tuple[float, np.ndarray, np.float32]] = None
    for multiple in range(_LARGEST, _FEWEST_STEPS - 1, -1):
        step = np.float32(largest / multiple)
        levels = np.clip(np.rint(exact / step), -_LARGEST, _LARGEST)
        error = float((used * (levels * step - exact) ** 2).sum())
        if best is None or error <= best[0]:
            best = error, levels.astype(np.float32), step
    assert best is not None
    return best[1], best[2]


def _rounded(weights: np.ndarray, maps: np.ndarray) -> PackedWeights:
    """Floats as 8 bits with a scale for each output map."""
    flat, numbers = weights.ravel(), np.broadcast_to(maps, weights.shape).ravel()
    largest = np.zeros(int(maps.max()) + 1, np.float32)
    np.maximum.at(largest, numbers, np.abs(flat))
    scales = np.where(largest > 0, largest / np.float32(_LARGEST), np.float32(1)).astype(np.float32)
    levels = np.clip(np.rint(flat / scales[numbers]), -_LARGEST, _LARGEST)
    codes = (levels + _LARGEST + 1).astype(np.uint8).reshape(weights.shape)
    return PackedWeights(codes, _BITS, None, scales, _LARGEST + 1)
