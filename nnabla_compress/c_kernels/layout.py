# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How packed weights lie in a network file: the codes, and the description that decodes them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Optional

import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError

IMPLEMENT = 20
"""``implement`` of a function whose weights are packed as this file says."""

VERSION = 1
FLOAT_BITS = 32
HEAD = struct.Struct("<BBBBiII")
_PACKED = 1 << 20  # codes at a time; whole bytes for any number of bits
HAS_DICTIONARY, DICTIONARY_PER_MAP, HAS_SCALE, SCALE_PER_MAP = 1, 2, 4, 8


@dataclass(frozen=True)
class PackedWeights:
    r"""Weights of a layer as codes of 1 to 8 bits, or of 32 where they stay float.

    ::

        value(i) = level(code(i)) * scale       one float32 multiplication; the level without scales
        level(c) = dictionary[c], or c - zero_point without a dictionary

    Args:
        codes: Integers 0 .. 2**bits - 1 in the order of the weight, any shape; the float32 values
            themselves if bits is 32.
        bits: Bits a code takes.
        dictionary: float32 of shape (2**bits,), or (maps, 2**bits) for one to each output map.
        scales: float32 of shape (1,), or (maps,).
        zero_point: The code of 0 where there is no dictionary.

    Example:
        >>> dictionary = np.float32([-1, 0, 0.5, 1])
        >>> weights = PackedWeights(np.array([[3, 1], [2, 0]]), 2, dictionary)
        >>> weights.code_bytes().hex(), len(weights.description())
        ('27', 32)
        >>> weights.values(np.array([[0], [1]])).tolist()
        [[1.0, 0.0], [0.5, -1.0]]
    """

    codes: np.ndarray
    bits: int
    dictionary: Optional[np.ndarray] = None
    scales: Optional[np.ndarray] = None
    zero_point: int = 0

    @classmethod
    def from_encoding(cls, encoding: Encoding, maps: int) -> PackedWeights:
        """Takes over an encoding; its codes must be in the order in which the file holds weights.

        Args:
            encoding: With a scale or a dictionary, 1 to 8 bits.
            maps: Number of output maps; a scale for each index of an axis must have as many.

        Raises:
            ExportError: If the kernels have no such weights.

        Example:
            >>> encoding = Encoding(np.array([-2, 1]), bits=2, scale=np.float32(0.5))
            >>> weights = PackedWeights.from_encoding(encoding, maps=1)
            >>> weights.codes.tolist(), weights.zero_point
            ([0, 3], 2)
        """
        if not 1 <= encoding.bits <= 8 or encoding.kept is not None:
            form = "pruned" if encoding.kept is not None else f"{encoding.bits}-bit"
            raise ExportError(
                f"the C kernels have no {form} weights.",
                help="quantize the layer to 1 to 8 bits, or leave it float",
            )
        codes = np.asarray(encoding.codes)
        if encoding.dictionary is not None:
            dictionary = np.zeros(2**encoding.bits, np.float32)
            dictionary[: len(encoding.dictionary)] = encoding.dictionary
            return cls(codes, encoding.bits, dictionary)
        scales = np.asarray(encoding.scale, np.float32).reshape(-1)
        if scales.size not in (1, maps):
            raise ExportError(
                f"{scales.size} scales for {maps} output maps: the C kernels want one in all, or "
                "one for each map.",
                help="quantize along the axis of the output maps",
            )
        zero_points = np.unique(encoding.zero_point)
        if zero_points.size > 1:
            raise ExportError(
                f"{zero_points.size} zero points: the C kernels want one for the whole weight.",
                help="quantize the weight symmetrically",
            )
        if encoding.spacing != 1:  # the kernels count integers one by one
            every = encoding.spacing * np.arange(2**encoding.bits) - zero_points
            levels = every.astype(np.float32)
            if scales.size == 1:
                return cls(codes, encoding.bits, levels * scales)
            return cls(codes, encoding.bits, levels, scales)
        lowest = min(0, int(codes.min()))
        if lowest:
            codes = (codes - np.int16(lowest)).astype(np.uint8)
        return cls(codes, encoding.bits, None, scales, int(zero_points[0]) - lowest)

    @property
    def code_size(self) -> int:
        """Bytes of the codes."""
        return (int(np.size(self.codes)) * self.bits + 7) // 8

    def code_bytes(self) -> bytes:
        """Returns the codes, ``bits`` bits each, the low bits of a byte first."""
        if self.bits == FLOAT_BITS:
            return np.ascontiguousarray(self.codes, "<f4").tobytes()
        codes, found = np.asarray(self.codes), []
        flat = codes.reshape(-1)
        for start in range(0, flat.size, _PACKED):  # a code takes eight bytes while it is packed
            octets = flat[start : start + _PACKED].astype(np.uint8)[:, None]
            planes = np.unpackbits(octets, axis=1, bitorder="little")[:, : self.bits]
            found.append(np.packbits(planes.ravel(), bitorder="little").tobytes())
        return b"".join(found)

    def description(self) -> bytes:
        """Returns the 16 bytes of the head, the dictionary and the scales."""
        flags = 0
        tables = [table for table in (self.dictionary, self.scales) if table is not None]
        if self.dictionary is not None:
            flags |= HAS_DICTIONARY | (DICTIONARY_PER_MAP if self.dictionary.ndim == 2 else 0)
        if self.scales is not None:
            flags |= HAS_SCALE | (SCALE_PER_MAP if self.scales.size > 1 else 0)
        floats = sum(table.size for table in tables)
        count = int(np.size(self.codes))
        head = HEAD.pack(VERSION, self.bits, flags, 0, self.zero_point, count, floats)
        return head + b"".join(np.ascontiguousarray(t, "<f4").tobytes() for t in tables)

    @classmethod
    def read(cls, description: bytes, code_bytes: bytes, maps: int) -> PackedWeights:
        """Reads what a file holds; the codes come back flat.

        Args:
            description: As :meth:`description` wrote it.
            code_bytes: As :meth:`code_bytes` wrote it, perhaps with padding behind.
            maps: Number of output maps of the layer.

        Raises:
            ExportError: If it is damaged, or sizes disagree.

        Example:
            >>> weights = PackedWeights(np.array([2, 0]), 3, None, np.float32([0.5]), 1)
            >>> again = PackedWeights.read(weights.description(), weights.code_bytes(), maps=1)
            >>> again.codes.tolist(), again.scales.tolist(), again.zero_point
            ([2, 0], [0.5], 1)
        """
        if len(description) < HEAD.size:
            raise _damaged(f"has {len(description)} bytes, at least {HEAD.size} are needed")
        version, bits, flags, reserved, zero_point, count, floats = HEAD.unpack_from(description)
        alone = [(flags & 3) == DICTIONARY_PER_MAP, (flags & 12) == SCALE_PER_MAP]
        if version != VERSION or reserved or flags > 15 or any(alone):
            raise _damaged(f"begins with {description[:4].hex()}")
        if bits not in (*range(1, 9), FLOAT_BITS) or (bits == FLOAT_BITS and flags):
            raise _damaged(f"has {bits} bits a code with the flags {flags}")
        entries = (maps if flags & DICTIONARY_PER_MAP else 1) << bits if flags & 1 else 0
        scales = (maps if flags & SCALE_PER_MAP else 1) if flags & HAS_SCALE else 0
        if floats != entries + scales or len(description) < HEAD.size + 4 * floats:
            raise _damaged(f"has {floats} numbers where its flags ask for {entries + scales}")
        if 8 * len(code_bytes) < bits * count:
            raise _damaged(f"has {count:,} codes of {bits} bits in {len(code_bytes):,} bytes")
        table = np.frombuffer(description, "<f4", floats, HEAD.size)
        shape = (maps, 2**bits) if flags & DICTIONARY_PER_MAP else (-1,)
        return cls(
            _unpacked(code_bytes, bits, count),
            bits,
            table[:entries].reshape(shape) if entries else None,
            table[entries:] if scales else None,
            zero_point,
        )

    def values(self, maps: np.ndarray) -> np.ndarray:
        """Returns the weights as float32.

        Args:
            maps: Number of the output map of every weight; broadcast to the codes.
        """
        if self.bits == FLOAT_BITS:
            return np.asarray(self.codes, np.float32)
        if self.dictionary is None:
            every = np.arange(2**self.bits) - np.int64(self.zero_point)
            levels = every.astype(np.float32)[self.codes]
        elif self.dictionary.ndim == 1:
            levels = self.dictionary[self.codes]
        else:
            levels = self.dictionary[np.broadcast_to(maps, np.shape(self.codes)), self.codes]
        if self.scales is None:
            return levels
        if self.scales.size == 1:
            levels *= self.scales[0]
            return levels
        along = _along_first(maps)
        levels *= self.scales[np.asarray(maps) if along is None else along]
        return levels


def _along_first(maps: np.ndarray) -> Optional[np.ndarray]:
    """The maps in a shape that broadcasts, where they follow the first axis alone."""
    maps = np.asarray(maps)
    if maps.ndim < 2 or any(maps.strides[1:]):
        return None
    index = (slice(None), *[slice(1)] * (maps.ndim - 1))
    return maps[index]


def _unpacked(code_bytes: bytes, bits: int, count: int) -> np.ndarray:
    if bits == FLOAT_BITS:
        return np.frombuffer(code_bytes, "<f4", count)
    codes = np.empty(count, np.uint8)
    octets, weights = np.frombuffer(code_bytes, np.uint8), (1 << np.arange(bits)).astype(np.uint8)
    for start in range(0, count, _PACKED):
        size = min(_PACKED, count - start)
        part = octets[start * bits // 8 : ((start + size) * bits + 7) // 8]
        stream = np.unpackbits(part, bitorder="little")[: size * bits]
        codes[start : start + size] = stream.reshape(size, bits) @ weights
    return codes


def _damaged(what: str) -> ExportError:
    return ExportError(
        f"the description of packed weights {what}.", help="export the network again"
    )
