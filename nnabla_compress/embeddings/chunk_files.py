# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Files of arrays that are addressed to chunks: what one chunk sends to others.

A file is the arrays one after the other, then an index in JSON, its length and a mark. Whoever
reads what is for one chunk reads the index and those arrays alone. A file is there whole or not at
all, so that work that was killed goes on with those that are missing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.files import atomic_path, json_text

_MARK = b"nnc-rows"
_END = 8 + len(_MARK)
_TYPES = ("<f4", "<i4", "<i8")


@dataclass(frozen=True)
class Parcel:
    """Arrays that one chunk sends to another.

    Args:
        to: The chunk that they are for.
        sender: The chunk that sends them.
        kind: What they are.
        arrays: Arrays of float32, int32 or int64 by name.
    """

    to: int
    sender: int
    kind: str
    arrays: Dict[str, np.ndarray] = field(repr=False)

    def to_bytes(self) -> bytes:
        """Returns the arrays as bytes, to be read by :meth:`from_bytes`."""
        head = json_text(_index(self.arrays)).encode()
        body = b"".join(np.ascontiguousarray(a).tobytes() for a in self.arrays.values())
        return len(head).to_bytes(8, "little") + head + body

    @classmethod
    def from_bytes(cls, to: int, sender: int, kind: str, content: bytes) -> Parcel:
        """Reads what :meth:`to_bytes` wrote.

        Args:
            to: As of the parcel.
            sender: Likewise.
            kind: Likewise.
            content: The bytes.

        Example:
            >>> sent = Parcel(0, 1, "rows", {"h": np.float32([[1, 2]])})
            >>> Parcel.from_bytes(0, 1, "rows", sent.to_bytes()).arrays["h"].tolist()
            [[1.0, 2.0]]
        """
        length = int.from_bytes(content[:8], "little")
        index = json.loads(content[8 : 8 + length].decode())
        return cls(to, sender, kind, _arrays(index, content[8 + length :]))


def write_parcels(path: Path, parcels: Iterable[Parcel]) -> None:
    """Writes parcels to a file, whole or not at all.

    Args:
        path: The file.
        parcels: What it is to hold; not all need be in memory at once.

    Raises:
        DiskFullError: If there is no room; nothing else is touched.
        ConfigError: If it can't be written.
    """
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        entries: List[Any] = []
        for parcel in parcels:
            entries.append(
                [parcel.to, parcel.sender, parcel.kind, file.tell(), _index(parcel.arrays)]
            )
            for values in parcel.arrays.values():
                file.write(np.ascontiguousarray(values).tobytes())
        index = json_text(entries).encode()
        file.write(index)
        file.write(len(index).to_bytes(8, "little") + _MARK)


class ParcelFile:
    """A file of parcels that is read by chunk; only its index is kept in memory.

    Args:
        path: The file.

    Raises:
        DataError: If it is damaged.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: Dict[int, List[Tuple[int, str, int, Any]]] = {}
        with open(path, "rb") as file:
            size = file.seek(0, 2)
            tail = self._at(file, max(0, size - _END), min(size, _END))
            length = int.from_bytes(tail[:8], "little")
            if tail[8:] != _MARK or length > size - _END:
                raise self._damaged()
            try:
                entries = json.loads(self._at(file, size - _END - length, length).decode())
                for to, sender, kind, start, index in entries:
                    self._entries.setdefault(int(to), []).append((sender, kind, start, index))
            except (ValueError, TypeError) as error:
                raise self._damaged() from error

    def parcels(self, to: int, kinds: Optional[Sequence[str]] = None) -> List[Parcel]:
        """Returns the parcels for a chunk.

        Args:
            to: Its number.
            kinds: Only these; by default all.
        """
        found = []
        with open(self._path, "rb") as file:
            for sender, kind, start, index in self._entries.get(to, ()):
                if kinds is not None and kind not in kinds:
                    continue
                content = self._at(file, start, _bytes_of(index))
                found.append(Parcel(to, sender, kind, _arrays(index, content)))
        return found

    @property
    def receivers(self) -> List[int]:
        """The chunks that something is for, rising."""
        return sorted(self._entries)

    def _at(self, file: BinaryIO, start: int, length: int) -> bytes:
        file.seek(start)
        content = file.read(length)
        if len(content) != length:
            raise self._damaged()
        return content

    def _damaged(self) -> DataError:
        return DataError(
            f"{self._path} is damaged.", help="remove it: what is missing is computed again"
        )


def _index(arrays: Dict[str, np.ndarray]) -> List[Any]:
    return [[name, a.dtype.newbyteorder("<").str, list(a.shape)] for name, a in arrays.items()]


def _bytes_of(index: List[Any]) -> int:
    return sum(
        int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize for _, kind, shape in index
    )


def _arrays(index: List[Any], content: bytes) -> Dict[str, np.ndarray]:
    found: Dict[str, np.ndarray] = {}
    start = 0
    for name, kind, shape in index:
        if kind not in _TYPES:
            raise DataError(f"a file of rows holds {kind!r}.", help="remove it")
        count = int(np.prod(shape, dtype=np.int64))
        found[name] = np.frombuffer(content, kind, count, start).reshape(shape)
        start += count * np.dtype(kind).itemsize
    return found
