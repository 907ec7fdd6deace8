# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 as its author distributes it: six pickled batches, in a folder or a ``.tar.gz``."""

from __future__ import annotations

import io
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, Tuple

import numpy as np

from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.errors import DataError
from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.reading import open_file, read_bytes

ARCHIVE = "cifar-10-python.tar.gz"
FOLDER = "cifar-10-batches-py"
_TRAIN = tuple(f"data_batch_{number}" for number in range(1, 6))
_TEST = ("test_batch",)
_BATCH_BYTES = 2**26

# All that a pickled array needs. Anything else in a pickle could run code, and is refused.
_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"it wants {module}.{name}, which is not array data")
        if name == "encode":
            return _encoded
        return super().find_class(module.replace("numpy._core", "numpy.core"), name)


def _encoded(text: str, encoding: str) -> bytes:
    """The bytes that Python 2 wrote as text; of other encodings some take very long."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it wants the encoding {encoding[:80]}")
    return text.encode(encoding)


def read_batch(content: bytes, where: str) -> Tuple[np.ndarray, np.ndarray]:
    """Reads one pickled batch; only arrays, numbers, bytes and their containers may be in it.

    Args:
        content: The pickle.
        where: File, for messages.

    Returns:
        Images ``uint8`` (N, 3, 32, 32) and labels (N,).

    Raises:
        DataError: If the pickle is cut short, holds anything but array data, or other shapes.
    """
    try:
        batch = _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except Exception as error:  # a damaged pickle can raise anything
        raise DataError(
            f"can't read {where}: it is cut short, damaged or no batch of CIFAR-10 ({error}).",
            help="get the file again",
        ) from error
    if not isinstance(batch, dict):
        raise DataError(f"{where} holds a {type(batch).__name__}, not a batch of CIFAR-10.")
    # Written by Python 2, the keys are bytes; re-written by Python 3, they are text.
    found = {key.decode() if isinstance(key, bytes) else key: batch[key] for key in batch}
    if "data" not in found or "labels" not in found:
        raise DataError(
            f"{where} has no data and labels, but {', '.join(map(str, sorted(found, key=str)))}.",
            help="use the batches of CIFAR-10 (not CIFAR-100)",
        )
    data, labels = found["data"], found["labels"]
    # What is nested may stand for far more than the pickle's own bytes.
    flat = isinstance(labels, list) and all(isinstance(label, int) for label in labels)
    if not isinstance(data, np.ndarray) or not (flat or isinstance(labels, np.ndarray)):
        raise DataError(f"{where} holds {type(data).__name__} as data, expected uint8 (N, 3072).")
    fits = data.dtype == np.uint8 and data.ndim == 2 and data.shape[1] == 3 * 32 * 32
    if not fits or data.nbytes > len(content):
        raise DataError(
            f"{where}: data is {data.dtype} of the shape {data.shape}, expected uint8 (N, 3072)."
        )
    return data.reshape(-1, 3, 32, 32), np.asarray(labels)


def read_folder(folder: Path) -> DataSet:
    """Reads ``data_batch_1..5`` and ``test_batch`` of a folder.

    Args:
        folder: Where they are.

    Returns:
        The data set.

    Raises:
        DataError: If one is missing or damaged.
    """

    def content(name: str) -> bytes:
        try:
            return read_bytes(folder / name, _BATCH_BYTES)
        except OSError as error:
            raise DataError(
                f"can't read {folder / name}: {error.strerror}.",
                help=f"all of {', '.join(_TRAIN + _TEST)} are needed",
            ) from error

    return _data_set(content, str(folder))


def read_archive(archive: Path) -> DataSet:
    """Reads the batches from ``cifar-10-python.tar.gz`` without unpacking it.

    Args:
        archive: The file.

    Returns:
        The data set.

    Raises:
        DataError: If the archive or a batch is missing, cut short or damaged.
    """
    try:
        # Members are read in one pass: going back in a gzip stream would unpack it again.
        with open_file(archive) as file, _opened(file) as tar:
            contents: Dict[str, bytes] = {}
            taken, limit = 0, Limits.of(archive.stat().st_size).bytes
            for member in tar:
                name = member.name.rsplit("/", 1)[-1]
                if name in _TRAIN + _TEST and member.isfile():
                    extracted = tar.extractfile(member)
                    assert extracted is not None  # isfile() said so
                    taken += member.size
                    check_limit(str(archive), "unpacks to {:,} bytes", taken, limit)
                    contents[name] = extracted.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"can't read {archive}: it is cut short, damaged or no archive ({error}).",
            help=f"get {ARCHIVE} again",
        ) from error

    def content(name: str) -> bytes:
        if name not in contents:
            raise DataError(f"{archive} holds no {name}.", help=f"get {ARCHIVE} again")
        return contents[name]

    return _data_set(content, str(archive))


def _opened(file: BinaryIO) -> tarfile.TarFile:
    """Gzipped or plain: of other ways to pack, some unpack to ten thousand times the size."""
    packed = file.read(2) == b"\x1f\x8b"
    file.seek(0)
    if packed:
        return tarfile.open(fileobj=file, mode="r:gz")
    return tarfile.open(fileobj=file, mode="r:")


def _data_set(content: Callable[[str], bytes], where: str) -> DataSet:
    splits: List[Split] = []
    for names in (_TRAIN, _TEST):
        parts = []
        for name in names:
            source = f"{where}/{name}"
            x, y = read_batch(content(name), source)
            parts.append(Split.checked(x, y, source, n_classes=10, layout="NCHW"))
        x = np.concatenate([part.x for part in parts])
        splits.append(Split(x, np.concatenate([part.y for part in parts])))
    return DataSet.checked("cifar10", 10, train=splits[0], test=splits[1])
