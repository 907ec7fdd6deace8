# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How packed weights lie in a network file: the codes, and the description that decodes them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Optional, Tuple

import numpy as np

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError

IMPLEMENT = 20
"""``implement`` of a function whose weights are packed as this file says."""

VERSION = 1
FLOAT_BITS = 32
HEAD = struct.Struct("<BBBBiII")
_PACKED = 1 << 20  # codes at a time; whole bytes for any number of bits
HAS_DICTIONARY, DICTIONARY_PER_MAP, HAS_SCALE, SCALE_PER_MAP, TO_INT8 = 1, 2, 4, 8, 16
LEAST_SHIFT, LARGEST_SHIFT = 16, 47
_BOUNDS = struct.Struct("<bbH")


@dataclass(frozen=True)
class Int8Results:
    """How sums of integer products become int8 results, see docs/c_kernels.md.

    Args:
        biases: int32, one for each output map, in 2**-16 steps of the result; with the half in them
            that rounds to the nearest.
        low: Lowest result.
        high: Highest result.
    """

    biases: np.ndarray
    low: int = -128
    high: int = 127

    @classmethod
    def of(cls, biases: np.ndarray, fp_pos: int, low: int = -128, high: int = 127) -> Int8Results:
        """Takes float biases.

        Args:
            biases: One for each output map.
            fp_pos: Fraction bits of the results.
            low: Lowest result.
            high: Highest result.

        Raises:
            ExportError: If a bias is far beyond what int8 results can be.

        Example:
            >>> Int8Results.of(np.float32([0.5, -1]), fp_pos=4).biases.tolist()
            [557056, -1015808]
        """
        steps = np.rint(np.asarray(biases, np.float64) * 2.0 ** (fp_pos + LEAST_SHIFT))
        steps += 1 << LEAST_SHIFT - 1
        if not (np.abs(steps) < 2**31).all():
            raise ExportError(
                f"a bias of {np.abs(biases).max():.4g} is beyond results of int8 with {fp_pos} "
                f"fraction bits, which reach {127 * 2.0**-fp_pos:.4g}.",
                help="export for target 'callback', whose feature maps are floats",
            )
        return cls(steps.astype(np.int32), low, high)

    def requantized(self, sums: np.ndarray, scales: np.ndarray, fraction: int) -> np.ndarray:
        """Returns what the kernels make of sums.

        Args:
            sums: Integers (..., maps, positions).
            scales: float32 (1,) or (maps,).
            fraction: Fraction bits of the results less those of the activations.

        Example:
            >>> results = Int8Results.of(np.zeros(1), fp_pos=0)
            >>> results.requantized(np.array([[-3, 2, 3, 999]]), np.float32([0.5]), 0).tolist()
            [[-1, 1, 2, 127]]
        """
        multipliers, shifts = multipliers_of(scales, fraction)
        addends = self.biases.astype(np.int64) << (shifts - LEAST_SHIFT)
        exact = sums.astype(np.int64) * multipliers[:, None] + addends[:, None]
        return np.clip(exact >> shifts[:, None], self.low, self.high).astype(np.int8)


def multipliers_of(scales: np.ndarray, fraction: int) -> Tuple[np.ndarray, np.ndarray]:
    r"""Returns what stands for scales: ``scale * 2**fraction = multiplier * 2**-shift``.

    Args:
        scales: float32.
        fraction: Any integer.

    Returns:
        Two int64 arrays. A multiplier has 31 bits, fewer where the shift would exceed 47.

    Raises:
        ExportError: If a scale is so large that the shift would be less than 16.

    Example:
        >>> multipliers, shifts = multipliers_of(np.float32([0.5, -0.75]), 1)
        >>> (multipliers / 2.0**shifts).tolist()
        [1.0, -1.5]
    """
    bits = np.ascontiguousarray(scales, "<f4").view("<u4").astype(np.int64)
    exponents = bits >> 23 & 255
    multipliers = np.where(exponents > 0, (bits & 0x7FFFFF | 0x800000) << 7, 0)
    shifts = np.where(exponents > 0, 157 - exponents - fraction, LARGEST_SHIFT)
    multipliers >>= np.clip(shifts - LARGEST_SHIFT, 0, 31)
    shifts = np.minimum(shifts, LARGEST_SHIFT)
    if (shifts < LEAST_SHIFT).any():
        raise ExportError(
            f"a step of the sums is {np.abs(scales).max() * 2.0**fraction:.4g} steps of the int8 "
            "results, far more than they hold.",
            help="export for target 'callback', whose feature maps are floats",
        )
    return np.where(bits >> 31, -multipliers, multipliers), shifts


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
        results: What makes int8 results of the layer's sums, where it gives these.

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
    results: Optional[Int8Results] = None

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
        if self.results is not None:
            flags |= TO_INT8
        floats = sum(table.size for table in tables)
        count = int(np.size(self.codes))
        head = HEAD.pack(VERSION, self.bits, flags, 0, self.zero_point, count, floats)
        content = head + b"".join(np.ascontiguousarray(t, "<f4").tobytes() for t in tables)
        if self.results is None:
            return content
        bounds = _BOUNDS.pack(self.results.low, self.results.high, 0)
        return content + bounds + np.ascontiguousarray(self.results.biases, "<i4").tobytes()

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
        if version != VERSION or reserved or flags > 31 or any(alone):
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
        results = _results(description[HEAD.size + 4 * floats :], maps) if flags & TO_INT8 else None
        return cls(
            _unpacked(code_bytes, bits, count),
            bits,
            table[:entries].reshape(shape) if entries else None,
            table[entries:] if scales else None,
            zero_point,
            results,
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


def _results(content: bytes, maps: int) -> Int8Results:
    if len(content) < _BOUNDS.size + 4 * maps:
        raise _damaged(f"has {len(content)} bytes for {maps} biases")
    low, high, _ = _BOUNDS.unpack_from(content)
    biases = np.frombuffer(content, "<i4", maps, _BOUNDS.size)
    return Int8Results(biases.astype(np.int32), low, high)


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
