# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What entropy coding would make of codes: the last step of Deep Compression, as information."""

from __future__ import annotations

import heapq
from typing import Iterator, List, Optional, Tuple

import numpy as np

from nnabla_compress.encodings import Encoding

_PIECE = 1 << 22
# Widths of the distances between weights that are not zero: Deep Compression takes 5 and 8 bits.
_GAP_BITS = (4, 5, 8)


def huffman_bits(counts: np.ndarray) -> int:
    """Returns the bits that symbols take in a Huffman code made for them.

    The length of each code is that of the tree which joins the two rarest symbols first; a single
    symbol takes one bit each time. The table of the code is not counted.

    Args:
        counts: How often each symbol occurs, integers; symbols that never do have no code.

    Example:
        >>> huffman_bits(np.array([5, 2, 1, 0]))  # codes of 1, 2 and 2 bits
        11
    """
    heap: List[int] = [int(count) for count in counts if count > 0]
    if len(heap) < 2:
        return sum(heap)
    heapq.heapify(heap)
    total = 0
    while len(heap) > 1:
        joined = heapq.heappop(heap) + heapq.heappop(heap)
        total += joined
        heapq.heappush(heap, joined)
    return total


def entropy_coded_bytes(encoding: Encoding) -> int:
    """Returns the bytes of codes in the smallest of three forms, with their tables.

    They stay packed; or all of them stand in one Huffman code; or those of weights that are not
    zero do, and the distances between them in a second one, which is how Deep Compression stores a
    pruned layer.
    A code of n symbols counts a byte for the length of each code, and a kept float its 4 bytes. No
    file is stored so: a device would have to decode it first.

    S. Han, H. Mao, W. J. Dally: Deep Compression, ICLR 2016.

    Args:
        encoding: The codes, with what decodes them.

    Example:
        >>> codes = np.zeros(800, int)
        >>> codes[::100] = 1
        >>> entropy_coded_bytes(Encoding(codes, bits=1, dictionary=np.float32([0, 1])))
        10
        >>> Encoding(codes, bits=1, dictionary=np.float32([0, 1])).nbytes
        108
    """
    table = int(encoding.table().size)
    counts, lowest = _counts(encoding)
    dense = huffman_bits(counts)
    found = [encoding.nbytes, table + _code_bytes(counts) + _bytes(dense)]
    zero = _zero_code(encoding)
    if (
        zero is not None
        and 0 <= zero - lowest < len(counts)
        and 2 * counts[zero - lowest] > sum(counts)
    ):
        for bits in _GAP_BITS:
            gaps, symbols = _sparse_counts(encoding, zero, lowest, len(counts), bits)
            sparse = huffman_bits(gaps) + huffman_bits(symbols)
            found.append(table + _code_bytes(gaps) + _code_bytes(symbols) + _bytes(sparse))
    return min(found)


def _bytes(bits: int) -> int:
    return -(-bits // 8)


def _code_bytes(counts: np.ndarray) -> int:
    """Bytes of a canonical code's table, none where it has one symbol or two."""
    return len(counts) if np.count_nonzero(counts) > 2 else 0


def _pieces(encoding: Encoding) -> Iterator[np.ndarray]:
    flat = encoding.codes.reshape(-1)
    for start in range(0, flat.size, _PIECE):
        yield flat[start : start + _PIECE]


def _counts(encoding: Encoding) -> Tuple[np.ndarray, int]:
    """How often each code occurs, and the code that stands first."""
    if not encoding.codes.size:
        return np.zeros(1, np.int64), 0
    lowest = min(0, int(encoding.codes.min()))
    size = int(encoding.codes.max()) - lowest + 1
    counts = np.zeros(size, np.int64)
    for piece in _pieces(encoding):
        counts += np.bincount(piece.astype(np.int64) - lowest, minlength=size)
    return counts, lowest


def _zero_code(encoding: Encoding) -> Optional[int]:
    """The code of weights that are zero; None where there is none, or one for each channel."""
    if encoding.kept is not None:
        return 0
    if encoding.dictionary is not None:
        zeros = np.flatnonzero(encoding.dictionary == 0)
        return int(zeros[0]) if len(zeros) else None
    zero = np.unique(encoding.zero_point)
    if len(zero) != 1 or int(zero[0]) % encoding.spacing:
        return None
    return int(zero[0]) // encoding.spacing


def _sparse_counts(
    encoding: Encoding, zero: int, lowest: int, size: int, bits: int
) -> Tuple[np.ndarray, np.ndarray]:
    """How often each distance and each code occur where only weights that are not zero are stored.

    A distance beyond the longest is cut by zeros that are stored, too.
    """
    longest = 2**bits
    gaps, symbols = np.zeros(longest + 1, np.int64), np.zeros(size, np.int64)
    last, start = -1, 0
    for piece in _pieces(encoding):
        places = np.flatnonzero(piece != zero)
        if len(places):
            distances = np.diff(places + start, prepend=last)
            cut = (distances - 1) // longest
            gaps[longest] += int(cut.sum())
            symbols[zero - lowest] += int(cut.sum())
            gaps += np.bincount(distances - cut * longest, minlength=longest + 1)
            symbols += np.bincount(piece[places].astype(np.int64) - lowest, minlength=size)
            last = int(places[-1]) + start
        start += len(piece)
    return gaps, symbols
