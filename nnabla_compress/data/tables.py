# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tables of numbers without a header: text with a row a line, or ``.npy``."""

from __future__ import annotations

from pathlib import Path
from typing import List, Optional

import numpy as np

from nnabla_compress.data.npy import read_npy
from nnabla_compress.errors import DataError
from nnabla_compress.reading import read_text

_MOST_BYTES = 2**30
_INT64 = 2**63


def read_table(file: Path, whole: bool = False, columns: Optional[int] = None) -> np.ndarray:
    """Reads a table of numbers.

    Args:
        file: ``.npy``, or text: numbers between commas, semicolons or blanks. Lines that begin
            with ``#`` are left out, and so are empty ones.
        whole: Whether only whole numbers will do.
        columns: How many numbers a row must have; by default as many as the first.

    Returns:
        (rows, columns): int64 if whole, else float32; from ``.npy`` as they are.

    Raises:
        DataError: If it is missing or damaged, or something in it is no such number.
    """
    try:
        if file.suffix == ".npy":
            return read_npy(file)
        lines = read_text(file, limit=_MOST_BYTES).splitlines()
    except (OSError, ValueError) as error:  # UnicodeDecodeError is one
        raise DataError(f"can't read {file}: {error}.", help="give text, or .npy") from None
    kind = int if whole else float
    rows: List[List[float]] = []
    for number, line in enumerate(lines, 1):
        cells = line.replace(",", " ").replace(";", " ").split()
        if not cells or cells[0].startswith("#"):
            continue
        wanted = columns or (len(rows[0]) if rows else len(cells))
        if len(cells) != wanted:
            raise DataError(
                f"{file}: line {number} has {len(cells)} numbers, not {wanted}.",
                help="give each row as many, between commas or blanks",
            )
        try:
            rows.append([kind(cell) for cell in cells])
        except ValueError:
            raise DataError(
                f"{file}: line {number} is {line[:60]!r}.",
                help=f"give {'whole ' if whole else ''}numbers between commas or blanks; lines "
                "that begin with # are left out",
            ) from None
        if whole and any(not -_INT64 <= value < _INT64 for value in rows[-1]):
            raise DataError(
                f"{file}: line {number} holds a number beyond 64 bits.",
                help="number the nodes from 0",
            )
    if not rows:
        raise DataError(f"{file} holds no row of numbers.", help="give one row a line")
    return np.array(rows, np.int64 if whole else np.float32)
