# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One-dimensional k-means on a tensor: assign and accumulate in one pass over the values.

A sorted dictionary cuts the real line into intervals, so assigning is counting the boundaries
that lie below a value. The values are walked in blocks that stay in the first-level cache: a loop
that the compiler turns into vector instructions writes the codes of a block, a second one adds its
values to the sums of their clusters. The sums of each chunk of the tensor are kept apart in float64
and added in order, so the result does not depend on the number of threads.
"""

from __future__ import annotations

from typing import Tuple

import numba
import numpy as np

from nnabla_compress.kernels.cache import CACHE
from nnabla_compress.kernels.threads import shared

_CHUNK = 1 << 16
_BLOCK = 1 << 11


def boundaries(dictionary: np.ndarray) -> np.ndarray:
    """Returns the float32 boundaries of the nearest-entry intervals of a sorted dictionary.

    A float32 value w is nearer to entry k+1 than to entry k exactly if w > boundaries[k]; a value
    half way between belongs to the lower entry. The midpoint is exact in float64 and rounded down
    to float32, which no float32 value can tell from the midpoint itself.

    Args:
        dictionary: Sorted values, shape (K,).

    Returns:
        Shape (K-1,), float32.

    Example:
        >>> boundaries(np.float32([-1, 0, 1])).tolist()
        [-0.5, 0.5]
    """
    exact = (dictionary[1:].astype(np.float64) + dictionary[:-1].astype(np.float64)) / 2
    rounded = exact.astype(np.float32)
    return np.where(rounded > exact, np.nextafter(rounded, np.float32(-np.inf)), rounded)


def assign_and_accumulate(
    values: np.ndarray,
    dictionary: np.ndarray,
    assignments: np.ndarray,
    zero: int = -1,
    prune_threshold: float = -1.0,
) -> Tuple[np.ndarray, np.ndarray]:
    """Writes the nearest dictionary entry of every value and adds the values up per entry.

    Args:
        values: float32, any shape, C order.
        dictionary: Sorted float32 entries, shape (K,), K <= 256.
        assignments: uint8 of the shape of ``values``; overwritten.
        zero: Index of an entry that takes the values with |value| <= ``prune_threshold`` and no
            others; -1 for none.
        prune_threshold: Magnitude up to which values go to ``zero``; negative for none, then
            ``zero`` is an entry like the others.

    Returns:
        The sums (float64) and the counts (int64) of the clusters, both of shape (K,).

    Example:
        >>> codes = np.empty(4, np.uint8)
        >>> sums, counts = assign_and_accumulate(
        ...     np.float32([-2, 0.25, 1, 3]), np.float32([-1, 0, 1]), codes)
        >>> codes.tolist(), sums.tolist(), counts.tolist()
        ([0, 1, 2, 2], [-2.0, 0.25, 4.0], [1, 1, 2])
    """
    entries = np.arange(len(dictionary))
    pruning = prune_threshold >= 0
    if pruning:
        entries = np.delete(entries, zero)
    limits = boundaries(dictionary[entries])
    flat, codes = values.reshape(-1), assignments.reshape(-1)
    threshold = np.float32(prune_threshold) if pruning else np.float32(-1)
    chunk_sums, chunk_counts = _pass_over(flat.size, flat, limits, codes, threshold)
    chunk_sums, chunk_counts = chunk_sums.sum(axis=0), chunk_counts.sum(axis=0)
    if not pruning:
        return chunk_sums[: len(dictionary)], chunk_counts[: len(dictionary)]
    # The pass numbers the entries without zero 0 .. K-2 and the pruned values 255: rename them.
    labels = np.zeros(256, np.uint8)
    labels[: len(entries)] = entries
    labels[255] = zero
    _relabel(codes, labels)
    sums, counts = np.zeros(len(dictionary)), np.zeros(len(dictionary), np.int64)
    sums[entries], counts[entries] = chunk_sums[: len(entries)], chunk_counts[: len(entries)]
    sums[zero], counts[zero] = chunk_sums[255], chunk_counts[255]
    return sums, counts


@shared()
def _pass_over(values, limits, codes, prune_threshold):  # type: ignore[no-untyped-def]
    chunks = (values.size + _CHUNK - 1) // _CHUNK
    sums, counts = np.zeros((chunks, 256)), np.zeros((chunks, 256), np.int64)
    for chunk in numba.prange(chunks):
        _chunk(values, limits, codes, prune_threshold, chunk, sums[chunk], counts[chunk])
    return sums, counts


@numba.njit(cache=CACHE)
def _chunk(  # type: ignore[no-untyped-def]
    values, limits, codes, prune_threshold, chunk, sums, counts
):
    partial, tally = np.zeros((4, 256)), np.zeros((4, 256), np.int64)
    start, stop = chunk * _CHUNK, min((chunk + 1) * _CHUNK, values.size)
    for block in range(start, stop, _BLOCK):
        end = min(block + _BLOCK, stop)
        _assign(values[block:end], limits, codes[block:end])
        if prune_threshold >= 0:
            _prune(values[block:end], prune_threshold, codes[block:end])
        _accumulate(values[block:end], codes[block:end], partial, tally)
    for lane in range(4):
        sums += partial[lane]
        counts += tally[lane]


@numba.njit(cache=CACHE)
def _assign(values, limits, codes):  # type: ignore[no-untyped-def]
    # Up to 128 boundaries, counting all of them in vector registers beats a binary search.
    if limits.size <= 128:
        for i in range(values.size):
            codes[i] = 0
        for k in range(limits.size):
            limit = limits[k]
            for i in range(values.size):
                codes[i] += np.uint8(values[i] > limit)
    else:
        # A binary search without branches, which nobody could predict, over 255 boundaries.
        padded = np.full(255, np.float32(np.inf))
        padded[: limits.size] = limits
        for i in range(values.size):
            low = 0
            for step in (128, 64, 32, 16, 8, 4, 2, 1):
                low += step * (values[i] > padded[low + step - 1])
            codes[i] = low


@numba.njit(cache=CACHE)
def _prune(values, threshold, codes):  # type: ignore[no-untyped-def]
    for i in range(values.size):
        if abs(values[i]) <= threshold:
            codes[i] = 255


@numba.njit(cache=CACHE)
def _accumulate(values, codes, sums, counts):  # type: ignore[no-untyped-def]
    # Four sets of sums: neighbours of one cluster need not wait for each other's addition.
    whole = values.size & ~3
    for i in range(0, whole, 4):
        for lane in range(4):
            sums[lane, codes[i + lane]] += values[i + lane]
            counts[lane, codes[i + lane]] += 1
    for i in range(whole, values.size):
        sums[0, codes[i]] += values[i]
        counts[0, codes[i]] += 1


@numba.njit(cache=CACHE)
def _relabel(codes, labels):  # type: ignore[no-untyped-def]
    for i in range(codes.size):
        codes[i] = labels[codes[i]]
