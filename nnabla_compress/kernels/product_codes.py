# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Product quantization: the nearest codebook entry of each part of a row, and search by codes."""

from __future__ import annotations

from typing import Tuple

import numba
import numpy as np

from nnabla_compress.kernels.threads import shared

_CHUNK = 1 << 10


def assign_rows(
    values: np.ndarray, codebooks: np.ndarray, codes: np.ndarray
) -> Tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Writes the nearest entry of each part of each row; of equally near ones the first.

    Args:
        values: float32 (N, M * L).
        codebooks: float32 (M, K, L).
        codes: uint8 (N, M); overwritten.

    Returns:
        Sums of the values of each entry, float64 (M, K, L), their counts (M, K), and the squared
        error of each part of each row, float32 (N, M). Sums of chunks are kept apart and added in
        order: the bits do not depend on the number of threads.

    Example:
        >>> codes = np.empty((2, 1), np.uint8)
        >>> sums, counts, _ = assign_rows(
        ...     np.float32([[0, 1], [3, 3]]), np.float32([[[0, 0], [2, 2]]]), codes
        ... )
        >>> codes.tolist(), counts.tolist()
        ([[0], [1]], [[1.0, 1.0]])
    """
    chunks = -(-len(values) // _CHUNK)
    parts, entries, length = codebooks.shape
    # A few sums at a time: one for each chunk of a large table would not fit.
    total = np.zeros(codebooks.shape), np.zeros((parts, entries))
    errors = np.empty((len(values), parts), np.float32)
    at_once = max(1, (1 << 22) // codebooks.size)
    for first in range(0, chunks, at_once):
        some = slice(first * _CHUNK, (first + at_once) * _CHUNK)
        count = -(-len(values[some]) // _CHUNK)
        sums, counts = np.zeros((count, *codebooks.shape)), np.zeros((count, parts, entries))
        work = values[some].size * entries
        _assign(work, values[some], codebooks, codes[some], errors[some], sums, counts)
        for each in range(count):
            total[0][...] += sums[each]
            total[1][...] += counts[each]
    return (*total, errors)


def scores_of_codes(
    codes: np.ndarray, groups: np.ndarray, tables: np.ndarray, scales: np.ndarray, out: np.ndarray
) -> None:
    """Writes what each row scores: the sum over its codes of what the tables say of them.

    Args:
        codes: uint8 (N, M).
        groups: int64 (N,): which tables are a row's.
        tables: float32 (G, M, K): what a code scores.
        scales: float32 (N,): what the sum is multiplied by.
        out: float32 (N,); overwritten.

    Example:
        >>> out = np.empty(1, np.float32)
        >>> tables = np.float32([[[1, 2], [10, 20]]])
        >>> scores_of_codes(np.uint8([[1, 0]]), np.int64([0]), tables, np.float32([0.5]), out)
        >>> out.tolist()
        [6.0]
    """
    _scores(codes.size, codes, groups, tables, scales, out)


@shared()
def _assign(values, codebooks, codes, errors, sums, counts):  # type: ignore[no-untyped-def]
    parts, entries, length = codebooks.shape
    for chunk in numba.prange(sums.shape[0]):
        for row in range(chunk * _CHUNK, min((chunk + 1) * _CHUNK, values.shape[0])):
            for part in range(parts):
                first = part * length
                nearest, least = 0, np.float32(np.inf)
                for entry in range(entries):
                    squares = np.float32(0)
                    for i in range(length):
                        apart = values[row, first + i] - codebooks[part, entry, i]
                        squares += apart * apart
                    if squares < least:
                        nearest, least = entry, squares
                codes[row, part] = nearest
                errors[row, part] = least
                counts[chunk, part, nearest] += 1
                for i in range(length):
                    sums[chunk, part, nearest, i] += values[row, first + i]


@shared()
def _scores(codes, groups, tables, scales, out):  # type: ignore[no-untyped-def]
    for row in numba.prange(codes.shape[0]):
        total = np.float32(0)
        group = groups[row]
        for part in range(codes.shape[1]):
            total += tables[group, part, codes[row, part]]
        out[row] = total * scales[row]
