# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's CSV data sets: a header of variables, cells that are numbers or paths of files.

The header is as Neural Network Console and ``nnabla_cli`` write it: ``x:image`` or ``x`` is one
cell holding a number or a path relative to the CSV file; ``x__0:height``, ``x__1:weight``, ... are
the entries of a vector; a column whose name starts with ``#`` is a comment.
"""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Dict, List, Optional, Tuple, Union

import numpy as np

from nnabla_compress.data.images import read_image
from nnabla_compress.data.paths import resolve_path
from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.errors import ConfigError, DataError

_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def nnabla_csv(
    train: Union[str, Path, None] = None,
    test: Union[str, Path, None] = None,
    validation_file: Union[str, Path, None] = None,
    x: str = "x",
    y: str = "y",
    n_classes: Optional[int] = None,
    folder: Union[str, Path, None] = None,
) -> DataSet:
    """Loads one CSV file a split.

    Args:
        train: CSV file to learn from.
        test: CSV file to report on.
        validation_file: CSV file to choose by.
        x: Name of the input variable.
        y: Name of the label variable: one column of class indices.
        n_classes: Number of classes; by default the largest label + 1.
        folder: Where relative paths of the CSV files start.

    Returns:
        Samples ``float32``, images scaled to 0..1 as ``nnabla_cli`` does.

    Raises:
        ConfigError: If no file is given.
        DataError: If a file is missing or damaged, or a cell, row or shape does not fit.
    """
    files = {"train": train, "validation": validation_file, "test": test}
    if all(file is None for file in files.values()):
        raise ConfigError("data source csv needs a file.", help="add train: and test: FILE.csv")
    splits: Dict[str, Split] = {}
    for split, file in files.items():
        if file is not None:
            path = resolve_path(file, folder, f"the {split} CSV file")
            samples, labels = read_csv(path, x, y)
            splits[split] = Split.checked(samples, labels, str(path), n_classes, layout="NCHW")
    return DataSet.checked(
        "csv", n_classes, splits.get("train"), splits.get("validation"), splits.get("test")
    )


def read_csv(path: Path, x: str = "x", y: str = "y") -> Tuple[np.ndarray, np.ndarray]:
    """Reads the samples and labels of one CSV file.

    Args:
        path: The file; UTF-8, with or without a byte order mark.
        x: Name of the input variable.
        y: Name of the label variable.

    Returns:
        Samples ``float32`` (N, ...) and labels (N,) as written.

    Raises:
        DataError: If the file, its header, a row or a cell does not fit.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.reader(stream))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"can't read {path}: {error}.", help="save it as CSV text in UTF-8"
        ) from error
    if not rows:
        raise DataError(f"{path} is empty.", help="a CSV data set starts with a header")
    header = rows[0]
    x_columns, y_columns = _columns(header, x, path), _columns(header, y, path)
    if len(y_columns) != 1:
        raise DataError(
            f"{path}: the label {y!r} has {len(y_columns)} columns.",
            help="give one column of class indices (not one-hot)",
        )
    samples: List[np.ndarray] = []
    labels: List[float] = []
    for line, row in enumerate(rows[1:], start=2):
        if not row:
            continue  # a blank line, often the last
        where = f"{path}, line {line}"
        if len(row) != len(header):
            raise DataError(
                f"{where}: {len(row)} cells, the header has {len(header)}.", help="mend that line"
            )
        cells = [_cell(row[column], path.parent, where) for column in x_columns]
        if len(cells) > 1 and any(cell.size != 1 for cell in cells):
            raise DataError(f"{where}: an entry of the vector {x!r} is not one number.")
        sample = cells[0] if len(cells) == 1 else np.concatenate([cell.ravel() for cell in cells])
        if samples and sample.shape != samples[0].shape:
            raise DataError(
                f"{where}: the sample has the shape {sample.shape}, "
                f"the first has {samples[0].shape}.",
                help="all samples need one shape",
            )
        label = _cell(row[y_columns[0]], path.parent, where)
        if label.size != 1:
            raise DataError(f"{where}: the label {row[y_columns[0]]!r} is not one number.")
        samples.append(sample)
        labels.append(float(label.reshape(())))
    if not samples:
        raise DataError(f"{path} has a header but no rows: the set is empty.")
    return np.stack(samples), np.asarray(labels, np.float64)


def _columns(header: List[str], variable: str, path: Path) -> List[int]:
    """Columns of a variable, those of a vector in the order of their index."""
    found: List[Tuple[int, int]] = []
    for column, cell in enumerate(header):
        name, _, index = cell.split(":", 1)[0].strip().partition("__")
        if name == variable:
            if index and not index.isdigit():
                raise DataError(f"{path}: column {cell!r} has no number after '__'.")
            found.append((int(index or 0), column))
    if not found:
        raise DataError(
            f"{path} has no column {variable!r}; its header is {', '.join(header)}.",
            help="name the columns with x: and y:",
        )
    return [column for _, column in sorted(found)]


def _cell(text: str, folder: Path, where: str) -> np.ndarray:
    text = text.strip()
    try:
        return np.array([float(text)], np.float32)
    except ValueError:
        pass
    path = folder / text.replace("\\", "/")
    suffix = path.suffix.lower()
    try:
        if suffix in _IMAGES:
            pixels = read_image(path)
            return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)
        if suffix == ".npy":
            return np.asarray(np.load(path, allow_pickle=False), np.float32)
        if suffix == ".csv":
            return np.loadtxt(path, np.float32, delimiter=",", ndmin=2, encoding="utf-8-sig")
    except DataError as error:
        raise DataError(f"{where}: {error.message}", help=error.help) from error
    except FileNotFoundError as error:
        raise DataError(
            f"{where}: {path} does not exist.", help="paths are relative to the CSV file"
        ) from error
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{where}: can't read {path} ({error}).") from error
    raise DataError(
        f"{where}: the cell {text!r} is neither a number nor a file of a known kind.",
        help=f"known kinds are .npy, .csv and images ({', '.join(_IMAGES)})",
    )
