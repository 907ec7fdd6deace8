# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""CIFAR-10 as lossless WebP sheets: each shows up to 5,000 images, 50 a row, read row by row."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from nnabla_compress.data.images import read_image
from nnabla_compress.data.npz import read_npz
from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.errors import DataError

_SIDE = 32


def read_sheets(folder: Path) -> DataSet:
    """Reads ``train-NN.webp``, ``test-NN.webp`` (NN from 00) and ``labels.npz``.

    The labels of a split may be more than its images: then its last sheets are absent.

    Args:
        folder: Where the sheets are.

    Returns:
        The data set.

    Raises:
        ConfigError: If pillow is not installed.
        DataError: If sheets or labels are missing, damaged or do not fit.
    """
    labels_at = folder / "labels.npz"
    if not labels_at.is_file():
        raise DataError(
            f"{folder} has sheets (*.webp) but no labels.npz.",
            help="put labels.npz with the arrays train and test beside the sheets",
        )
    labels = read_npz(labels_at)
    splits = {}
    for name in ("train", "test"):
        numbered = {}
        for path in folder.glob(f"{name}-*.webp"):
            match = re.fullmatch(rf"{name}-(\d+)\.webp", path.name)
            if match:
                numbered[int(match.group(1))] = path
        if not numbered:
            raise DataError(f"{folder} has no sheet {name}-00.webp.", help=f"add {name}-*.webp")
        missing = sorted(set(range(max(numbered))) - set(numbered))
        if missing:
            raise DataError(
                f"{folder} has the sheet {name}-{max(numbered):02d}.webp but not "
                f"{name}-{missing[0]:02d}.webp.",
                help="labels go with images by their order, so no sheet in between may be absent",
            )
        if name not in labels:
            raise DataError(f"{labels_at} has no array {name!r}.")
        images = np.concatenate([_images(numbered[number]) for number in sorted(numbered)])
        if len(labels[name]) < len(images):
            raise DataError(
                f"{folder}: {len(images)} images of the {name} set but {len(labels[name])} labels."
            )
        splits[name] = Split.checked(
            images, labels[name][: len(images)], f"{folder} ({name})", n_classes=10, layout="NCHW"
        )
    return DataSet.checked("cifar10", 10, train=splits["train"], test=splits["test"])


def _images(path: Path) -> np.ndarray:
    sheet = read_image(path)
    channels, height, width = sheet.shape
    if channels != 3 or height % _SIDE or width % _SIDE:
        raise DataError(
            f"{path} has {height} x {width} pixels of {channels} channels.",
            help=f"a sheet is RGB and holds whole images of {_SIDE} x {_SIDE}",
        )
    rows, columns = height // _SIDE, width // _SIDE
    grid = sheet.reshape(3, rows, _SIDE, columns, _SIDE)
    return grid.transpose(1, 3, 0, 2, 4).reshape(-1, 3, _SIDE, _SIDE)
