# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Compressed tables as files: ``.npz`` for a host with NumPy, and memory of a C kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Union

import numpy as np

from nnabla_compress.c_kernels.tables import table_bytes, table_of
from nnabla_compress.data.npz import read_npz
from nnabla_compress.errors import ConfigError, DataError, VerifyError
from nnabla_compress.files import atomic_path
from nnabla_compress.row_codes import RowCodes, unpacked

_LAYOUT = ("version", "bits", "parts", "group")
_VERSION = 1


def save_table(path: Union[str, Path], table: RowCodes) -> None:
    """Writes a table, and reads it back: what it holds decodes to the same bits.

    The file has ``codes`` (N, bytes of a row; the low bits of a byte first), ``codebooks``
    (groups, 1 or parts, entries, length), ``scales`` (N,) where there are any, ``shape``, and
    ``layout``: version, bits of a code, codes of a row, rows of a group (0: all).

    Args:
        path: The file, ``.npz``.
        table: The table.

    Raises:
        ConfigError: If it can't be written.
        VerifyError: If it does not come back as it was.

    Example:
        >>> import tempfile
        >>> books = np.float32([[[[0, 1], [2, 3]]]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save_table(f"{folder}/t.npz", RowCodes(np.uint8([[1], [0]]), 1, books, (2, 2)))
        ...     load_table(f"{folder}/t.npz").decode().tolist()
        [[2.0, 3.0], [0.0, 1.0]]
    """
    path = Path(path)
    if path.suffix != ".npz":
        raise ConfigError(f"can't write {path}: it does not end in .npz.", help="call it *.npz")
    arrays = {
        "codes": table.packed(),
        "codebooks": np.asarray(table.codebooks, "<f4"),
        "shape": np.array(table.shape, "<i8"),
        "layout": np.array([_VERSION, table.bits, table.codes.shape[1], table.group], "<i8"),
    }
    if table.scales is not None:
        arrays["scales"] = np.asarray(table.scales, "<f4")
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    again = load_table(path)
    parts = [(table.codes, again.codes), (table.codebooks, again.codebooks)]
    if table.scales is not None:
        parts.append((table.scales, np.asarray(again.scales)))
    if any(a.tobytes() != b.tobytes() for a, b in parts):
        raise VerifyError(f"{path} does not hold the table that was written.")


def save_device_table(path: Union[str, Path], table: RowCodes) -> None:
    """Writes a table as the C kernel of Embed reads it, and reads it back.

    Args:
        path: The file, such as ``table.bin``: the memory that ``packed_table_read`` gets.
        table: The table.

    Raises:
        ConfigError: If it can't be written.
        VerifyError: If it does not come back as it was.

    Example:
        >>> import tempfile
        >>> books = np.float32([[[[0, 1], [2, 3]]]])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     table = RowCodes(np.uint8([[1], [0]]), 1, books, (2, 2))
        ...     save_device_table(f"{folder}/t.bin", table)
        ...     Path(f"{folder}/t.bin").stat().st_size
        58
    """
    content = table_bytes(table)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
    again = table_of(Path(path).read_bytes())
    if again.decode().tobytes() != table.decode().tobytes():
        raise VerifyError(f"{path} does not hold the table that was written.")


def load_table(path: Union[str, Path]) -> RowCodes:
    """Reads a table.

    Args:
        path: A file of :func:`save_table`.

    Raises:
        DataError: If it is missing or damaged, or holds no table.
    """
    path = Path(path)
    if not path.exists():
        raise DataError(f"there is no {path}.", help="give a file of embeddings.save_table")
    arrays = read_npz(path)
    missing = {"codes", "codebooks", "shape", "layout"} - set(arrays)
    if missing:
        raise DataError(
            f"{path} holds no compressed table: {', '.join(sorted(missing))} missing.",
            help="give a file that embeddings.save_table wrote",
        )
    layout, shape = arrays["layout"].ravel(), arrays["shape"].ravel()
    if layout.shape != (len(_LAYOUT),) or layout.dtype.kind not in "iu" or layout[0] != _VERSION:
        raise DataError(f"{path} holds a table of another version.", help="write it again")
    _, bits, parts, group = (int(value) for value in layout)
    codes, scales = arrays["codes"], arrays.get("scales")
    try:
        if codes.dtype != np.uint8 or codes.ndim != 2 or not 1 <= bits <= 8 or parts < 1:
            raise ValueError(f"codes of {codes.dtype}")
        if codes.shape[1] != -(-parts * bits // 8) or shape.dtype.kind not in "iu":
            raise ValueError(f"{codes.shape[1]} bytes a row")
        books = np.asarray(arrays["codebooks"], np.float32)
        if not np.isfinite(books).all() or group < 0:
            raise ValueError("values that are not finite")
        return RowCodes(
            unpacked(codes, bits, parts),
            bits,
            books,
            tuple(int(size) for size in shape),
            group,
            None if scales is None else np.asarray(scales, np.float32),
        )
    except (ValueError, IndexError) as error:
        raise DataError(f"{path} is no compressed table: {error}.", help="write it again") from None
