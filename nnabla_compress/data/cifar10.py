# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 in whichever form is found: lossless image sheets, python batches or ``.npz``."""

from __future__ import annotations

from pathlib import Path
from typing import Union

from nnabla_compress.data.cifar10_batches import ARCHIVE, FOLDER, read_archive, read_folder
from nnabla_compress.data.cifar10_sheets import read_sheets
from nnabla_compress.data.npz import npz
from nnabla_compress.data.paths import existing_path, resolve_path
from nnabla_compress.data.splits import DataSet
from nnabla_compress.errors import DataError

CLASS_NAMES = (
    "airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck",
)  # fmt: skip
_IMAGE = (3, 32, 32)


def cifar10(path: Union[str, Path], folder: Union[str, Path, None] = None) -> DataSet:
    """Loads CIFAR-10 (Krizhevsky 2009), detecting its form.

    Args:
        path: A folder with ``train-*.webp``, ``test-*.webp`` and ``labels.npz`` (lossless sheets of
            5,000 images); or with ``data_batch_1..5`` and ``test_batch``, or with a folder
            ``cifar-10-batches-py`` or an archive ``cifar-10-python.tar.gz`` of these; or that
            archive itself; or an ``.npz`` file with x_train, y_train, x_test, y_test.
        folder: Where a relative path starts.

    Returns:
        Images ``uint8`` (N, 3, 32, 32) RGB in 0..255. Of sheets, as many training images as there
        are sheets.

    Raises:
        ConfigError: If sheets are found but pillow is not installed.
        DataError: If no form is found, or a file is damaged or does not fit.
    """
    found = resolve_path(path, folder, "CIFAR-10")
    if found.is_file() and found.suffix == ".npz":
        data = npz(found, n_classes=10)
    elif found.is_file():
        data = read_archive(found)
    elif existing_path(found, "data_batch_1", "test_batch"):
        data = read_folder(found)
    elif (found / FOLDER).is_dir():
        data = read_folder(found / FOLDER)
    elif (found / ARCHIVE).is_file():
        data = read_archive(found / ARCHIVE)
    elif any(found.glob("*.webp")):
        data = read_sheets(found)
    elif (found / "cifar10.npz").is_file():
        data = npz(found / "cifar10.npz", n_classes=10)
    else:
        raise DataError(
            f"no CIFAR-10 in {found}: looked for data_batch_1, {FOLDER}/, {ARCHIVE}, *.webp with "
            "labels.npz, and cifar10.npz.",
            help="set path: to the folder or file that has one of these",
        )
    if data.sample_shape != _IMAGE:
        raise DataError(
            f"{found}: images have the shape {data.sample_shape}, CIFAR-10 has {_IMAGE}.",
            help="use source: npz for other images",
        )
    return DataSet.checked(
        "cifar10", 10, data.train, data.validation, data.test, class_names=CLASS_NAMES
    )
