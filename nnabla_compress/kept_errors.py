# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A file that HDF5 can write to whatever the disk takes: its errors wait."""

from __future__ import annotations

from typing import Any, Callable, Optional


class KeptErrors:
    """A file whose errors wait until HDF5 has let go of it: they would end the process.

    Behind the first error it goes on as if all had been written, and holds nothing but zeros: some
    versions of HDF5 end the process, too, if they can't close a file as they left it.

    Args:
        file: The file, without a buffer, from its start on. ``error`` is the first one that writing
            it met, or None.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._size = file.seek(0, 2)
        self._at = file.seek(0)
        self.error: Optional[OSError] = None

    def write(self, content: Any) -> int:
        """Writes all of it, or keeps the error, and returns its size either way."""
        rest = memoryview(content).cast("B")
        size = len(rest)

        def put() -> None:
            left = rest
            self._file.seek(self._at)
            while len(left):
                left = left[self._file.write(left) :]

        self._try(put)
        self._at += size
        self._size = max(self._size, self._at)
        return size

    def truncate(self, size: Optional[int] = None) -> int:
        """Gives the file another size, by default that up to where it stands."""
        self._size = self._at if size is None else size
        self._try(lambda: self._file.truncate(self._size))
        return self._size

    def readinto(self, content: Any) -> int:
        """Reads as much as there is, up to the size of a buffer."""
        room = memoryview(content).cast("B")
        count = max(0, min(len(room), self._size - self._at))
        room[:count] = bytes(count)
        if self.error is None:
            self._file.seek(self._at)
            self._file.readinto(room[:count])
        self._at += count
        return count

    def read(self, size: int = -1) -> bytes:
        """Returns so many bytes, or all that follow."""
        left = max(0, self._size - self._at)
        content = bytearray(left if size < 0 else min(size, left))
        self.readinto(content)
        return bytes(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Goes to a place, counted from the start, from here or from the end."""
        self._at = offset + (0, self._at, self._size)[whence]
        return self._at

    def tell(self) -> int:
        """Returns where it stands."""
        return self._at

    def flush(self) -> None:
        """Writes what waits to be written: nothing does."""

    def _try(self, act: Callable[[], Any]) -> None:
        if self.error is None:
            try:
                act()
            except OSError as error:
                self.error = error
