# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Arrays in NumPy's own format, whose heads declare how large they are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import IO

import numpy as np

from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.reading import read_bytes

MAX_BYTES = 2**30


def declared_bytes(stream: IO[bytes]) -> int:
    """Returns how many bytes of memory an array takes by its head; 0 if it has none.

    Args:
        stream: Where the array begins; it is read up to the end of the head.

    Raises:
        ValueError: If the head is damaged.

    Example:
        >>> content = io.BytesIO()
        >>> np.save(content, np.zeros((3, 5), np.float32))
        >>> declared_bytes(io.BytesIO(content.getvalue()))
        60
    """
    start = stream.read(len(np.lib.format.MAGIC_PREFIX) + 2)
    if start[:-2] != np.lib.format.MAGIC_PREFIX:
        return 0
    readers = {1: np.lib.format.read_array_header_1_0, 2: np.lib.format.read_array_header_2_0}
    if start[-2] not in readers:
        return 0
    try:
        shape, _, dtype = readers[start[-2]](stream)
    except Exception as error:  # the head is a text of Python, and its parsers have their own
        raise ValueError(f"the head of an array is damaged ({type(error).__name__})") from error
    size = max(1, dtype.itemsize)
    for axis in shape:
        size *= int(axis)
    return size


def read_npy(path: Path) -> np.ndarray:
    """Reads one array, without unpickling anything.

    Args:
        path: The ``.npy`` file.

    Raises:
        DataError: If it takes more memory than a file of its size may, or is no file.
        OSError: If it can't be read.
        ValueError: If it is damaged, or holds Python objects.
    """
    content = read_bytes(path, MAX_BYTES)
    declared = declared_bytes(io.BytesIO(content))
    check_limit(str(path), "is an array of {:,} bytes", declared, Limits.of(len(content)).bytes)
    return np.asarray(np.load(io.BytesIO(content), allow_pickle=False))
