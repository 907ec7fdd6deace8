# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Parameters as HDF5 and protobuf hold them, and what they declare, checked before it is read."""

from __future__ import annotations

import io
import math
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Dict, Iterator, List, Sequence, Tuple

import numpy as np

from nnabla_compress.errors import DataError
from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.names import shortened
from nnabla_compress.reading import open_file

MOST_AXES = 32  # of an array of NumPy
_AGAIN = "save or get the file again"


@dataclass(frozen=True)
class Parameter:
    """A stored parameter: its values, and whether a solver trains it."""

    values: np.ndarray
    need_grad: bool


def from_proto(where: str, stored: Any) -> Parameter:
    """Returns a parameter of a message.

    Args:
        where: What messages call the file.
        stored: A message ``Parameter``.

    Raises:
        DataError: If it has too many axes, or not as many values as its shape says.
    """
    shape = tuple(stored.shape.dim)
    if len(shape) > MOST_AXES:
        raise DataError(
            f"parameter {shortened(stored.variable_name)} of {where} has {len(shape):,} axes, the "
            f"limit is {MOST_AXES}.",
            help=_AGAIN,
        )
    if min(shape, default=1) < 0 or elements(shape) != len(stored.data):
        raise DataError(
            f"parameter {shortened(stored.variable_name)} of {where} has the shape {shape[:8]} but "
            f"{len(stored.data):,} values.",
            help=_AGAIN,
        )
    values = np.fromiter(stored.data, np.float32, len(stored.data)).reshape(shape)
    return Parameter(values, bool(stored.need_grad))


def from_hdf5(where: str, content: bytes, limits: Limits, room: int) -> Dict[str, Parameter]:
    """Returns the parameters of an HDF5 file in memory.

    Args:
        where: What messages call the file.
        content: Its bytes.
        limits: Those of the file.
        room: Bytes of ``limits.bytes`` that are left.

    Raises:
        DataError: If one is of no numbers, or lies in another file, or all take too much.
    """
    with _opened(io.BytesIO(content), where, limits, room) as found:
        return {
            name: Parameter(
                np.asarray(item[...], dtype=np.float32), bool(np.all(item.attrs["need_grad"]))
            )
            for name, item in found
        }


def check_hdf5(path: Path) -> None:
    """Looks over an HDF5 file that somebody else reads, such as NNabla.

    Args:
        path: The file.

    Raises:
        DataError: As for :func:`from_hdf5`, or if it is no file.
        OSError: If it can't be opened, or is no HDF5.
    """
    with open_file(path) as file:
        limits = Limits.of(path.stat().st_size)
        with _opened(file, str(path), limits, limits.bytes):
            pass


@contextmanager
def _opened(
    file: BinaryIO, where: str, limits: Limits, room: int
) -> Iterator[List[Tuple[str, Any]]]:
    """Gives the arrays of an open HDF5 file by name, in the order of their index, all checked."""
    import h5py

    found: List[Tuple[int, str, Any]] = []
    with h5py.File(file, "r") as opened:

        def look(name: str, item: Any) -> None:
            nonlocal room
            if isinstance(item, h5py.Dataset):
                room -= _checked(item, name, where, limits, room)
                check_limit(where, "holds {:,} arrays", len(found) + 1, limits.functions)
                found.append((_index(item.attrs.get("index"), len(found)), name, item))

        opened.visititems(look)
        yield [(name, item) for _, name, item in sorted(found, key=lambda each: each[:2])]


def _checked(item: Any, name: str, where: str, limits: Limits, room: int) -> int:
    """Returns how many bytes an array takes in memory; refuses what is none, or takes too much."""
    if not isinstance(name, str):  # h5py gives the bytes of what is no text
        raise DataError(f"{where} holds an array whose name is no text.", help=_AGAIN)
    what = f"parameter {shortened(name)} of {where}"
    # Either would have other files of this machine read.
    if item.external or item.is_virtual:
        raise DataError(f"{what} refers to another file.", help=_AGAIN)
    if item.dtype.kind not in "fiub" or item.dtype.itemsize > 8 or item.shape is None:
        raise DataError(f"{what} is of type {str(item.dtype)[:80]}.", help=_AGAIN)
    size = elements(item.shape) * max(4, item.dtype.itemsize)
    used = limits.bytes - room
    check_limit(what, "makes {:,} bytes of arrays", used + size, limits.bytes)
    # A chunk is unpacked whole, however little of it belongs to the array.
    chunk = elements(item.chunks or ()) * item.dtype.itemsize
    check_limit(what, "has chunks of {:,} bytes", chunk, limits.bytes)
    return size


def _index(stored: Any, position: int) -> int:
    """The place of a parameter among the others, as far as the file tells."""
    return int(stored) if isinstance(stored, (int, np.integer)) else position


def elements(shape: Sequence[int]) -> int:
    """Returns the number of elements of a shape, without overflow.

    Example:
        >>> elements([2**40, 2**40]) == 2**80
        True
    """
    return math.prod(map(int, shape))
