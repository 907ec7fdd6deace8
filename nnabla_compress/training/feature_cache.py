# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Maps of a network on all samples of a split, computed once and kept in files.

A file holds one map of one split, row after row, and is read as memory that the system maps from
the disk. ``features.json`` says which rows are there, with a checksum of each piece, so that what a
killed process wrote is gone on with, and what has changed since is noticed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Tuple

import numpy as np

from nnabla_compress.checksums import read_record, write_record
from nnabla_compress.errors import ConfigError
from nnabla_compress.files import writable_folder, write_error
from nnabla_compress.progress import counted
from nnabla_compress.sizes import size_text

PRECISIONS = ("float32", "float16")
Shapes = Mapping[str, Tuple[int, ...]]
Compute = Callable[[int, int], Mapping[str, np.ndarray]]

_RECORD = "features.json"


def feature_bytes(shapes: Shapes, rows: int, precision: str = "float32") -> int:
    """Returns how many bytes maps take.

    Args:
        shapes: Shape of each for one sample, by name.
        rows: Number of samples.
        precision: ``"float32"`` or ``"float16"``.

    Example:
        >>> feature_bytes({"a": (16, 32, 32)}, 50000) / 1e9
        3.2768
    """
    entries = sum(int(np.prod(shape)) for shape in shapes.values())
    return entries * rows * np.dtype(precision).itemsize


def refuse_full(folder: Path, needed: int, kept: int = 0) -> None:
    """Refuses a folder whose disk has no room for maps.

    Args:
        folder: Where they are to go; need not exist yet.
        needed: Bytes of them.
        kept: Bytes of those that are there already.

    Raises:
        ConfigError: If there is no room.
    """
    place = folder
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if needed - kept > free:
        raise ConfigError(
            f"sections: the teacher's maps take {size_text(needed)}, {place} has "
            f"{size_text(free)} left.",
            help="choose features: stream, precision: float16, fewer sections, or another folder "
            "with -o",
        )


class FeatureCache:
    """Maps of one split in a folder.

    Args:
        folder: Where they are, or will be.
        split: Name of the split.
        shapes: Shape of each map for one sample, by name.
        rows: Number of samples.
        precision: How numbers are kept, ``"float32"`` or ``"float16"``.
        piece: Rows that are computed and written at a time.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     cache = FeatureCache(Path(folder), "train", {"a/relu": (2,)}, 3)
        ...     cache.fill(lambda start, stop: {"a/relu": np.float32([[1, 2]] * (stop - start))})
        ...     cache.arrays()["a/relu"].tolist()
        [[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]
    """

    def __init__(
        self,
        folder: Path,
        split: str,
        shapes: Shapes,
        rows: int,
        precision: str = "float32",
        piece: int = 256,
    ) -> None:
        self.folder, self._split, self._rows, self._piece = folder, split, rows, piece
        self._shapes, self._type = dict(shapes), np.dtype(precision)

    @property
    def bytes(self) -> int:
        """Bytes of all files when they are full."""
        return feature_bytes(self._shapes, self._rows, self._type.name)

    @property
    def kept_bytes(self) -> int:
        """Bytes of what is there already."""
        paths = (self._path(number) for number in range(len(self._shapes)))
        return sum(path.stat().st_size for path in paths if path.exists())

    def fill(self, compute: Compute) -> None:
        """Computes and writes what is not there yet, or not as it was written.

        Args:
            compute: Returns the maps of samples ``start`` to ``stop``, by name.

        Raises:
            ConfigError: If the disk is full, or the folder can't be written to; what is there is
                gone on with.
        """
        writable_folder(self.folder)
        sums = self._whole_pieces()
        with counted(f"maps of the teacher, {self._split}", self._rows) as at:
            while len(sums) * self._piece < self._rows:
                start = len(sums) * self._piece
                stop = min(start + self._piece, self._rows)
                at(start)
                sums.append(self._write(start, compute(start, stop)))
                self._note(sums)
            at(self._rows)

    def arrays(self) -> Dict[str, np.ndarray]:
        """Returns the maps by name, (rows, ...), read from the disk where they are looked at."""
        return {
            name: np.memmap(self._path(number), self._type, "r", shape=(self._rows, *shape))
            for number, (name, shape) in enumerate(self._shapes.items())
        }

    def _path(self, number: int) -> Path:
        return self.folder / f"{self._split}-{number + 1}.{self._type.name}"

    @property
    def _record(self) -> Path:
        return self.folder / f"{self._split}-{_RECORD}"

    @property
    def _what(self) -> Dict[str, Any]:
        shapes = {name: list(shape) for name, shape in self._shapes.items()}
        return {"rows": self._rows, "piece": self._piece, "maps": shapes, "type": self._type.name}

    def _note(self, sums: List[str]) -> None:
        write_record(self._record, {**self._what, "sums": sums})

    def _whole_pieces(self) -> List[str]:
        """Checksums of the pieces that are there, up to the first that is not as it was written."""
        if not self._record.exists():
            return []
        content = read_record(self._record, f"remove {self.folder}, it is made again")
        stated: List[str] = content.pop("sums", [])
        if content != self._what:
            return []
        found: List[str] = []
        for number, checksum in enumerate(stated):
            if self._checksum(number * self._piece) != checksum:
                break
            found.append(checksum)
        return found

    def _places(self, start: int) -> List[Tuple[Path, int, int]]:
        """File, first byte and number of bytes of each map of a piece."""
        rows = min(self._piece, self._rows - start)
        sizes = [int(np.prod(s)) * self._type.itemsize for s in self._shapes.values()]
        return [(self._path(n), start * size, rows * size) for n, size in enumerate(sizes)]

    def _checksum(self, start: int) -> str:
        digest = hashlib.sha256()
        for path, first, count in self._places(start):
            if path.exists():
                with open(path, "rb") as file:
                    file.seek(first)
                    digest.update(file.read(count))
        return digest.hexdigest()

    def _write(self, start: int, maps: Mapping[str, np.ndarray]) -> str:
        digest = hashlib.sha256()
        for name, (path, first, _) in zip(self._shapes, self._places(start)):
            content = np.ascontiguousarray(maps[name], self._type).tobytes()
            digest.update(content)
            try:
                with open(path, "r+b" if path.exists() else "w+b") as file:
                    file.seek(first)
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            except OSError as error:
                raise write_error(path, error) from error
        return digest.hexdigest()
