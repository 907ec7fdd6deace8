# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables of codes as the C kernel of Embed reads them."""

from __future__ import annotations

import struct

import numpy as np

from nnabla_compress.errors import ExportError
from nnabla_compress.row_codes import RowCodes, unpacked

_HEAD = struct.Struct("<4s9I")
_MARK, _VERSION, _SCALED = b"NNCT", 1, 256


def table_bytes(table: RowCodes) -> bytes:
    """Returns a table as ``packed_table_read`` of ``packed_table.c`` reads it.

    Args:
        table: The table.

    Example:
        >>> books = np.float32([[[[0, 1], [2, 3]]]])
        >>> len(table_bytes(RowCodes(np.uint8([[1], [0]]), 1, books, (2, 2))))
        58
    """
    _, books, entries, length = table.codebooks.shape
    bits = table.bits + (0 if table.scales is None else _SCALED)
    sizes = len(table), table.width, table.codes.shape[1], length, entries, books, table.group
    parts = [_HEAD.pack(_MARK, _VERSION, *sizes, bits), _floats(table.codebooks)]
    if table.scales is not None:
        parts.append(_floats(table.scales))
    return b"".join([*parts, table.packed().tobytes()])


def table_of(content: bytes) -> RowCodes:
    """Reads what :func:`table_bytes` wrote.

    Args:
        content: The bytes.

    Raises:
        ExportError: If they are damaged.
    """
    try:
        mark, version, rows, width, parts, length, entries, books, group, bits = _HEAD.unpack_from(
            content
        )
        if mark != _MARK or version != _VERSION or bits >= 2 * _SCALED:
            raise ValueError("another version")
        groups = -(-rows // group) if group else 1
        shape = groups, books, entries, length
        count = int(np.prod(shape, dtype=object))
        scaled = rows if bits & _SCALED else 0
        start = _HEAD.size + 4 * (count + scaled)
        floats = np.frombuffer(content, "<f4", count + scaled, _HEAD.size)
        codes = np.frombuffer(content, np.uint8, offset=start)
        return RowCodes(
            unpacked(codes.reshape(rows, -1), bits % _SCALED, parts),
            bits % _SCALED,
            floats[:count].reshape(shape),
            (rows, width),
            group,
            floats[count:] if scaled else None,
        )
    except (ValueError, OverflowError, struct.error) as error:
        raise ExportError(f"a table of codes is damaged: {error}.", help="write it again") from None


def table_rows(content: bytes) -> int:
    """Returns how many rows a table has; 0 if its head is none.

    Args:
        content: Its bytes.
    """
    if len(content) < _HEAD.size:
        return 0
    mark, _, rows, *_ = _HEAD.unpack_from(content)
    return int(rows) if mark == _MARK else 0


def _floats(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()
