# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How a quantized tensor is stored: integer codes and what decodes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Optional, Tuple, Union

import numpy as np

from nnabla_compress.errors import ExportError
from nnabla_compress.row_codes import RowCodes

CODES = "_codes"
"""What follows the path of a weight in the path of the parameter that holds its codes."""

_DECODED = 1 << 20


@dataclass(frozen=True)
class Encoding:
    r"""Integer codes of a tensor, and the scale, dictionary or kept values that decode them.

    Exactly one of three forms::

        scale:       value = float32(spacing * code - zero_point) * scale
        dictionary:  value = dictionary[code]
        kept:        value = the next of ``kept`` where code is 1, else 0   (a pruned tensor)

    Args:
        codes: Integers of the tensor's shape. Dictionary codes are 0 .. K-1; codes of the scale
            form may be negative.
        bits: Bits a code takes when packed, 1 to 32.
        scale: float32 scalar array, or one value for each index of ``axis``.
        zero_point: Integer subtracted from the codes before scaling, or one for each index of
            ``axis``.
        dictionary: float32 of shape (K,), K <= 2**bits.
        kept: float32 values of the codes that are 1, in the order of the tensor.
        axis: The axis along which ``scale`` varies; None for one scale for the whole tensor.
        spacing: Difference of the integers that neighbouring codes of the scale form stand for.
            With 2 and an odd zero point these are the odd integers: values half a step beside 0.

    Example:
        >>> weights = Encoding(np.array([0, 3, 1]), bits=2, dictionary=np.float32([-1, 0, 1, 2]))
        >>> weights.decode().tolist(), weights.pack()[:1], weights.nbytes
        ([-1.0, 2.0, 0.0], b'\x1c', 17)
    """

    codes: np.ndarray
    bits: int
    scale: Optional[np.ndarray] = None
    zero_point: Union[int, np.ndarray] = 0
    dictionary: Optional[np.ndarray] = None
    kept: Optional[np.ndarray] = None
    axis: Optional[int] = None
    spacing: int = 1

    def __post_init__(self) -> None:
        forms = [form is not None for form in (self.scale, self.dictionary, self.kept)]
        if sum(forms) != 1:
            raise ValueError("an Encoding has exactly one of scale, dictionary and kept")
        if not 1 <= self.bits <= 32:
            raise ValueError(f"bits is {self.bits}, an Encoding takes 1 to 32")
        if self.codes.size and int(self.codes.max()) - self._lowest >= 2**self.bits:
            raise ValueError(f"codes up to {self.codes.max()} do not fit {self.bits} bits")
        if self.codes.size and self.scale is None:
            codes = 2 if self.dictionary is None else len(self.dictionary)
            if self.codes.min() < 0 or self.codes.max() >= codes:
                raise ValueError(
                    f"codes from {self.codes.min()} to {self.codes.max()} where there are {codes}"
                )
        if self.kept is not None and np.count_nonzero(self.codes) != len(self.kept):
            raise ValueError(
                f"{np.count_nonzero(self.codes)} codes are 1 but {len(self.kept)} values are kept"
            )

    @property
    def _lowest(self) -> int:
        """The code that is packed as 0."""
        if self.scale is None or self.codes.size == 0:
            return 0
        return min(0, int(self.codes.min()))

    @property
    def shape(self) -> Tuple[int, ...]:
        """Shape of the tensor."""
        return self.codes.shape

    def decode(self) -> np.ndarray:
        """Returns the float32 values that the codes stand for, in the tensor's shape."""
        values = np.empty(self.codes.shape, np.float32)
        for rows, part in self.decoded():
            values[rows] = part
        return values

    def decoded(self) -> Iterator[Tuple[Any, np.ndarray]]:
        """Returns the same values in parts: which rows of the tensor, and what they hold."""
        if self.kept is not None:
            values = np.zeros(self.codes.shape, np.float32)
            values[self.codes.astype(bool)] = self.kept
            yield ..., values
            return
        # Some rows at a time: integers, and places in a table, take eight bytes each.
        first = len(self.codes) if self.codes.ndim else 0
        step = max(1, _DECODED * first // max(self.codes.size, 1))
        parts = [slice(start, start + step) for start in range(0, first, step)]
        if self.dictionary is not None:
            table = self.dictionary.astype(np.float32)
            for rows in parts if self.codes.ndim else [...]:
                yield rows, table[self.codes[rows]]
            return
        assert self.scale is not None
        scale, zero_point = np.asarray(self.scale, np.float32), np.asarray(self.zero_point)
        if self.axis is not None:
            shape = [1] * self.codes.ndim
            shape[self.axis] = -1
            scale = scale.reshape(shape)
            zero_point = zero_point.reshape(shape if zero_point.size > 1 else ())
        if not self.codes.ndim:
            whole = self.spacing * self.codes.astype(np.int64) - zero_point
            yield ..., np.asarray(whole.astype("f4") * scale)
            return
        tables = [
            np.broadcast_to(t, (first, *t.shape[1:])) if t.ndim else t for t in (scale, zero_point)
        ]
        for rows in parts:
            by, zero = (t[rows] if t.ndim else t for t in tables)
            whole = self.spacing * self.codes[rows].astype(np.int64) - zero
            yield rows, whole.astype(np.float32) * by

    def is_of(self, values: np.ndarray) -> bool:
        """Returns whether the codes stand for these values, bit for bit.

        Args:
            values: float32, of the tensor's shape.

        Example:
            >>> encoding = Encoding(np.array([-1, 0]), bits=2, scale=np.float32(0.5))
            >>> encoding.is_of(np.float32([-0.5, 0])), encoding.is_of(np.float32([-0.5, -0.0]))
            (True, False)
        """
        return values.dtype == np.float32 and all(
            np.array_equal(part.view(np.uint32), np.ascontiguousarray(values[rows]).view(np.uint32))
            for rows, part in self.decoded()
        )

    def row_codes(self) -> RowCodes:
        """Returns the same as codes of rows.

        Raises:
            ExportError: If there is neither a dictionary, nor one scale in all or one a row.

        Example:
            >>> encoding = Encoding(np.array([[-1, 1]]), bits=2, scale=np.float32(0.5))
            >>> encoding.row_codes().decode().tolist()
            [[-0.5, 0.5]]
        """
        codes = np.asarray(self.codes)
        rows = codes.reshape(len(codes), -1)
        by_row = self.axis in (None, 0) and np.size(self.zero_point) == 1
        if self.kept is not None or self.bits > 8 or not by_row:
            raise ExportError(
                "these codes are no row codes: pruned, wider than 8 bits, or with scales along "
                "another axis.",
                help="quantize the table by lut, rowlut, pq, or uniform with axis=0,learn=none",
            )
        if self.dictionary is not None:
            books = np.asarray(self.dictionary, np.float32).reshape(1, 1, -1, 1)
            return RowCodes(rows.astype(np.uint8), self.bits, books, codes.shape)
        lowest = min(0, int(rows.min()))
        every = self.spacing * (np.arange(2**self.bits) + lowest)
        levels = (every - int(self.zero_point)).astype(np.float32)
        scales = np.broadcast_to(np.asarray(self.scale, np.float32).ravel(), (len(rows),))
        return RowCodes(
            (rows.astype(np.int64) - lowest).astype(np.uint8),
            self.bits,
            levels.reshape(1, 1, -1, 1),
            codes.shape,
            scales=np.array(scales),
        )

    def table(self) -> np.ndarray:
        """Returns what must be stored besides the codes, as bytes in a flat uint8 array."""
        if self.dictionary is not None:
            return np.ascontiguousarray(self.dictionary, np.float32).view(np.uint8)
        if self.kept is not None:
            return np.ascontiguousarray(self.kept, np.float32).view(np.uint8)
        scale = np.ascontiguousarray(np.asarray(self.scale, np.float32).reshape(-1)).view(np.uint8)
        if not np.any(self.zero_point) and self._lowest == 0 and self.spacing == 1:
            return scale
        offsets = np.append(self.zero_point, self._lowest)
        if self.spacing != 1:
            offsets = np.append(offsets, self.spacing)
        return np.concatenate([scale.ravel(), offsets.astype(np.int32).view(np.uint8)])

    def pack(self) -> bytes:
        """Returns ``bits`` bits a code, the low bits of a byte first, followed by the table.

        Code i takes the bits i * bits .. i * bits + bits - 1 of the stream; bit j of the stream is
        bit j % 8 of byte j // 8. Negative codes are stored as their distance from the lowest.
        """
        # As few bytes a code as hold its bits: each of them becomes eight while it is packed.
        width = 1 if self.bits <= 8 else 4
        codes = (self.codes.astype(np.int64).ravel() - self._lowest).astype(f"<u{width}")
        octets = codes.view(np.uint8).reshape(-1, width)
        planes = np.unpackbits(octets, axis=1, bitorder="little")
        stream = np.packbits(planes[:, : self.bits].ravel(), bitorder="little")
        return stream.tobytes() + self.table().tobytes()

    @property
    def nbytes(self) -> int:
        """Bytes of ``pack()``: ceil(bits * number of codes / 8) and the table."""
        return -(-self.bits * self.codes.size // 8) + int(self.table().size)
