# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Values of parameters as the bytes that an ``.nnb`` holds of them, as NNabla's converter does."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import Iterable, Iterator

import numpy as np

from nnabla_compress.nnb.content import Content
from nnabla_compress.nnb.network import DTYPES, stored_bytes
from nnabla_compress.nnb.sources import Source

_MOST_FRACTION = {"FIXED16": 15, "FIXED8": 7}


def content_of(source: Source, type_name: str, fp_pos: int) -> Content:
    """Returns what a file holds of a parameter.

    Args:
        source: Its values, in the order of the file.
        type_name: FLOAT32, FIXED16, FIXED8 or SIGN.
        fp_pos: Fraction bits of the fixed-point types.

    Example:
        >>> source = Source((4,), lambda: iter([np.float32([0.5, 1, -1, 300])]))
        >>> list(bytes(content_of(source, "FIXED8", 1)))
        [1, 2, 254, 127]
    """
    size = stored_bytes(source.size, type_name)
    if type_name == "SIGN":
        return Content(size, lambda: _signs(source.make()), source.mark)
    return Content(
        size, lambda: (_stored(piece, type_name, fp_pos) for piece in source.make()), source.mark
    )


def turned(source: Source, type_name: str, fp_pos: int) -> Content:
    """Returns what a file holds of the weight of an Affine: its outputs first.

    Only the numbers of the file are in memory at once, not their float values.

    Args:
        source: The weight, its inputs first.
        type_name: As of :func:`content_of`.
        fp_pos: Likewise.

    Example:
        >>> source = Source((2, 3), lambda: iter([np.float32([1, 2, 3]), np.float32([4, 5, 6])]))
        >>> list(bytes(turned(source, "FIXED8", 0)))
        [1, 4, 2, 5, 3, 6]
    """
    rows = int(source.shape[0])
    columns = source.size // rows if rows else 0

    def make() -> Iterator[np.ndarray]:
        kind = np.dtype(np.float32 if type_name == "SIGN" else DTYPES[type_name])
        numbers, at = np.empty((columns, rows), kind), 0
        for piece in _whole_rows(source.make(), columns):
            part = piece if type_name == "SIGN" else _stored(piece, type_name, fp_pos)
            part = part.reshape(-1, columns)
            numbers[:, at : at + len(part)] = part.T
            at += len(part)
        if type_name == "SIGN":
            yield from _signs([numbers.ravel()])
        else:
            yield numbers

    return replace(content_of(source, type_name, fp_pos), make=make)


def fitting_position(source: Source, type_name: str) -> int:
    """Returns the fraction bits that NNabla's converter chooses where settings state none.

    Args:
        source: Values of the parameter.
        type_name: FIXED16 or FIXED8.

    Example:
        >>> fitting_position(Source((2,), lambda: iter([np.float32([0.5, -3])])), "FIXED8")
        5
    """
    value, largest = source.largest()
    whole = 1
    if largest >= 1:
        exponent = float(np.log2(largest))
        whole = int(exponent) + 2 if exponent.is_integer() and value > 0 else 0
        whole = whole or int(np.ceil(exponent)) + 1
    return _MOST_FRACTION[type_name] + 1 - whole


def _stored(piece: np.ndarray, type_name: str, fp_pos: int) -> np.ndarray:
    kind = np.dtype(DTYPES[type_name])
    if kind.kind == "f":
        return piece.astype(kind, copy=False)
    limits = np.iinfo(kind)
    whole = np.round(piece.astype(np.float64) * (1 << fp_pos)).astype(np.int64)
    return np.clip(whole, limits.min, limits.max).astype(kind)


def _signs(made: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Packs +1 as a set bit and -1 as none, eight to a byte."""
    for piece in _whole_rows(chain(made, [np.zeros(7, np.float32)]), 8):
        octets = piece.astype(np.int32).astype(np.uint8)
        yield np.packbits((octets != 0) & (octets != 255), bitorder="little")


def _whole_rows(made: Iterable[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """Cuts pieces anew, so that each holds whole rows."""
    rest = np.empty(0, np.float32)
    for piece in made:
        piece = np.concatenate([rest, piece]) if rest.size else piece
        end = piece.size // length * length
        rest = piece[end:].copy()
        if end:
            yield piece[:end]
