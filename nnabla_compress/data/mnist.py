# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""MNIST and its relatives in the idx format: four files with their usual names, or gzipped."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path
from typing import Tuple, Union

import numpy as np

from nnabla_compress.data.npy import MAX_BYTES
from nnabla_compress.data.npz import npz
from nnabla_compress.data.paths import existing_path, resolve_path
from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.errors import DataError
from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.reading import read_bytes

_UNSIGNED_BYTE = 0x08


def mnist(path: Union[str, Path], folder: Union[str, Path, None] = None) -> DataSet:
    """Loads MNIST from a folder of idx files (or from ``mnist.npz``).

    Args:
        path: Folder with ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``,
            ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``, where ``.`` may stand for the
            second ``-`` and ``.gz`` may follow; or an ``.npz`` file as of :func:`npz`.
        folder: Where a relative path starts.

    Returns:
        Images ``uint8`` (N, 1, 28, 28) in 0..255.

    Raises:
        DataError: If a file is missing, cut short or of another kind.
    """
    root = resolve_path(path, folder, "the MNIST folder")
    if root.is_file():
        return npz(root)
    splits = {}
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images_at = _find(root, prefix, "images", 3)
        labels_at = _find(root, prefix, "labels", 1)
        images, labels = read_idx(images_at, 3), read_idx(labels_at, 1)
        splits[split] = Split.checked(images, labels, f"{images_at} with {labels_at.name}")
    return DataSet.checked("mnist", train=splits["train"], test=splits["test"])


def _find(root: Path, prefix: str, kind: str, dimensions: int) -> Path:
    stem = f"{prefix}-{kind}"
    names = [
        f"{stem}{separator}idx{dimensions}-ubyte{end}" for end in ("", ".gz") for separator in "-."
    ]
    found = existing_path(root, *names)
    if found is None:
        raise DataError(
            f"no {kind} of the {prefix} set in {root}: looked for {', '.join(names)}.",
            help="put the four idx files there, or set path: to their folder",
        )
    return found


def read_idx(path: Union[str, Path], dimensions: int) -> np.ndarray:
    """Reads an idx file of unsigned bytes.

    The format is: two zero bytes, a type, the number of dimensions, each dimension as a big-endian
    32-bit number, then the values.

    Args:
        path: File, gzipped if its name ends in ``.gz``.
        dimensions: How many the file must have.

    Returns:
        ``uint8`` array.

    Raises:
        DataError: If the file is no such file, or too short or too long.
    """
    content = _content(Path(path))
    length = 4 + 4 * dimensions
    if len(content) < length:
        raise DataError(
            f"{path} is cut short: {len(content)} bytes, its head alone has {length}.",
            help="get the file again",
        )
    if content[:2] != b"\0\0" or content[2] != _UNSIGNED_BYTE or content[3] != dimensions:
        raise DataError(
            f"{path} is not an idx file of {dimensions} dimensions of unsigned bytes: it starts "
            f"with {content[:4].hex()}, expected 0000{_UNSIGNED_BYTE:02x}{dimensions:02x}.",
            help="name gzipped files .gz; don't swap images and labels",
        )
    shape: Tuple[int, ...] = tuple(
        int(size) for size in np.frombuffer(content, ">u4", dimensions, offset=4)
    )
    expected = length
    count = 1
    for size in shape:
        count *= size
    expected += count
    if len(content) != expected:
        kind = "cut short" if len(content) < expected else "too long"
        raise DataError(
            f"{path} is {kind}: {len(content)} bytes, {expected} expected for the shape {shape}.",
            help="get the file again",
        )
    return np.frombuffer(content, np.uint8, count, offset=length).reshape(shape)


def _content(path: Path) -> bytes:
    try:
        raw = read_bytes(path, MAX_BYTES)
        if path.suffix != ".gz":
            return raw
        limit = Limits.of(len(raw)).bytes
        with gzip.open(io.BytesIO(raw)) as packed:
            content = packed.read(limit + 1)
        check_limit(str(path), "unpacks to {:,} bytes or more", len(content), limit)
        return content
    except (OSError, EOFError, zlib.error) as error:
        reason = str(error) or type(error).__name__
        raise DataError(f"can't read {path}: {reason}.", help="get the file again") from error
