# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Rows of a table as codes: of single numbers or of several at once, with what decodes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Optional, Tuple

import numpy as np


@dataclass(frozen=True)
class RowCodes:
    """A table (N, D), each row of which is M codes for L numbers each.

    ::

        row r, part m = codebooks[r // group, m or 0, codes[r, m]] * scales[r]

    Args:
        codes: uint8 (N, M).
        bits: Bits a code takes when packed, 1 to 8.
        codebooks: float32 (G, 1 or M, K, L): for each group of rows, for each part or for all of
            them, what the codes stand for.
        shape: Shape of the tensor, whose first axis are the rows.
        group: Rows of a group; 0: all rows are one.
        scales: float32 (N,), or None.

    Raises:
        ValueError: If the parts do not fit each other.

    Example:
        >>> books = np.float32([[[[0, 1], [2, 3]], [[4, 5], [6, 7]]]])
        >>> RowCodes(np.uint8([[1, 0]]), 1, books, (1, 4)).decode().tolist()
        [[2.0, 3.0, 4.0, 5.0]]
    """

    codes: np.ndarray
    bits: int
    codebooks: np.ndarray
    shape: Tuple[int, ...]
    group: int = 0
    scales: Optional[np.ndarray] = None

    def __post_init__(self) -> None:
        rows, width = self.shape[0], int(np.prod(self.shape[1:]))
        if self.codebooks.ndim != 4 or self.codes.ndim != 2:
            raise ValueError("codes have two axes, codebooks four")
        groups, books, entries, length = self.codebooks.shape
        parts = self.codes.shape[1]
        wanted = 1 if not self.group else -(-rows // self.group)
        if not 1 <= self.bits <= 8 or not 1 <= entries <= 2**self.bits:
            raise ValueError(f"{entries} entries of codes of {self.bits} bits")
        if len(self.codes) != rows or books not in (1, parts) or groups != wanted:
            raise ValueError(f"codes {self.codes.shape} and codebooks {self.codebooks.shape}")
        if not (parts - 1) * length < width <= parts * length:
            raise ValueError(f"{parts} parts of {length} numbers for rows of {width}")
        if self.codes.size and self.codes.max() >= entries:
            raise ValueError(f"codes up to {self.codes.max()} where there are {entries}")
        if self.scales is not None and self.scales.shape != (rows,):
            raise ValueError(f"{self.scales.shape} scales for {rows} rows")

    def __len__(self) -> int:
        return len(self.codes)

    def row_codes(self) -> RowCodes:
        """Returns itself."""
        return self

    @property
    def width(self) -> int:
        """Numbers of a row."""
        return int(np.prod(self.shape[1:]))

    def groups(self, rows: np.ndarray) -> np.ndarray:
        """Returns the groups of some rows.

        Args:
            rows: Their numbers.
        """
        return rows // self.group if self.group else np.zeros_like(rows)

    def rows(self, numbers: np.ndarray) -> np.ndarray:
        """Returns some rows decoded, float32 (B, D).

        Args:
            numbers: Their numbers.
        """
        numbers = np.asarray(numbers, np.int64)
        part = np.arange(self.codes.shape[1]) if self.codebooks.shape[1] > 1 else 0
        found = self.codebooks[self.groups(numbers)[:, np.newaxis], part, self.codes[numbers]]
        found = found.reshape(len(numbers), -1)[:, : self.width]
        if self.scales is not None:
            found = found * self.scales[numbers][:, np.newaxis]
        return np.ascontiguousarray(found, np.float32)

    def decode(self) -> np.ndarray:
        """Returns all rows, float32, in the tensor's shape."""
        return self.rows(np.arange(len(self))).reshape(self.shape)

    def decoded(self) -> Iterator[Tuple[Any, np.ndarray]]:
        """Returns the same values in parts: which rows of the tensor, and what they hold."""
        step = max(1, (1 << 20) // max(self.width, 1))
        for start in range(0, len(self), step):
            some = np.arange(start, min(start + step, len(self)))
            rows = self.rows(some)
            yield slice(start, start + step), rows.reshape(len(rows), *self.shape[1:])

    @property
    def row_bytes(self) -> int:
        """Bytes of the codes of a row, which begins with a byte."""
        return -(-self.codes.shape[1] * self.bits // 8)

    @property
    def nbytes(self) -> int:
        """Bytes of the codes and all that decodes them."""
        scales = 0 if self.scales is None else self.scales.nbytes
        return len(self) * self.row_bytes + self.codebooks.nbytes + scales

    def packed(self) -> np.ndarray:
        """Returns the codes, ``bits`` bits each, the low bits of a byte first (N, row_bytes)."""
        if self.bits == 8:
            return self.codes
        found = np.empty((len(self), self.row_bytes), np.uint8)
        step = max(1, (1 << 22) // max(self.codes.shape[1], 1))
        for start in range(0, len(self), step):
            part = self.codes[start : start + step, :, np.newaxis]
            planes = np.unpackbits(part, axis=2, bitorder="little")[:, :, : self.bits]
            flat = planes.reshape(len(part), -1)
            found[start : start + step] = np.packbits(flat, axis=1, bitorder="little")
        return found


def unpacked(content: np.ndarray, bits: int, parts: int) -> np.ndarray:
    """Returns codes from their bytes, uint8 (N, parts).

    Args:
        content: As of :meth:`RowCodes.packed`.
        bits: Bits of a code.
        parts: Codes of a row.

    Example:
        >>> unpacked(np.uint8([[0b1101]]), 2, 2).tolist()
        [[1, 3]]
    """
    if bits == 8:
        return content
    found = np.empty((len(content), parts), np.uint8)
    weights = (1 << np.arange(bits)).astype(np.uint8)
    step = max(1, (1 << 22) // max(parts, 1))
    for start in range(0, len(content), step):
        stream = np.unpackbits(content[start : start + step], axis=1, bitorder="little")
        planes = stream[:, : parts * bits].reshape(-1, parts, bits)
        found[start : start + step] = (planes * weights).sum(axis=2, dtype=np.uint8)
    return found
