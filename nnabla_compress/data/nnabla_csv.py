# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""NNabla's CSV data sets: a header of variables, cells that are numbers or paths of files.

The header is as Neural Network Console and ``nnabla_cli`` write it: ``x:image`` or ``x`` is one
cell holding a number or a path relative to the CSV file; ``x__0:height``, ``x__1:weight``, ... are
the entries of a vector; a column whose name starts with ``#`` is a comment.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Dict, List, Optional, Set, Tuple, Union

import numpy as np

from nnabla_compress.data.images import read_image
from nnabla_compress.data.npy import MAX_BYTES, read_npy
from nnabla_compress.data.paths import resolve_path
from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.data.wanted import Names, Wanted
from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.reading import read_bytes

_OTHER_MARKS = (";", "\t")
_IMAGES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


def nnabla_csv(
    train: Union[str, Path, None] = None,
    test: Union[str, Path, None] = None,
    validation_file: Union[str, Path, None] = None,
    x: Names = None,
    y: Optional[str] = None,
    n_classes: Optional[int] = None,
    outside: bool = True,
    folder: Union[str, Path, None] = None,
    wanted: Optional[Wanted] = None,
) -> DataSet:
    """Loads one CSV file a split.

    Args:
        train: CSV file to learn from.
        test: CSV file to report on.
        validation_file: CSV file to choose by.
        x: Name of the input variable, by default "x"; for several inputs a name for each.
        y: Name of the target variable, by default "y": one column of class indices, or numbers,
            a vector of columns or files.
        n_classes: Number of classes; by default the largest label + 1.
        outside: Whether cells may name files that are not below the folder of their CSV file.
        folder: Where relative paths of the CSV files start.
        wanted: What the network wants; one input and classes by default.

    Returns:
        Samples ``float32``, images scaled to 0..1 as ``nnabla_cli`` does.

    Raises:
        ConfigError: If no file is given.
        DataError: If a file is missing or damaged, or a cell, row or shape does not fit.
    """
    files = {"train": train, "validation": validation_file, "test": test}
    if all(file is None for file in files.values()):
        raise ConfigError("data source csv needs a file.", help="add train: and test: FILE.csv")
    wanted = (wanted or Wanted()).named(x, y)
    splits: Dict[str, Split] = {}
    for split, file in files.items():
        if file is None:
            continue
        path = resolve_path(file, folder, f"the {split} CSV file")
        header, rows = _read(path)
        columns = {name: _columns(header, name, path) for name in _variables(header)}
        inputs, target = wanted.pick({name: name for name in columns})
        for name, candidates in wanted.inputs.items():
            if name not in inputs:
                raise _no_column(path, candidates[0], header)
        if target is None and not wanted.unlabelled:
            raise _no_column(path, wanted.target[0], header)
        if target is not None and wanted.targets == "classes" and len(columns[target]) != 1:
            raise DataError(
                f"{path}: the label {target!r} has {len(columns[target])} columns.",
                help="give one column of class indices (not one-hot); targets that are numbers "
                "need a loss such as SquaredError",
            )
        names = {*inputs.values(), *([] if target is None else [target])}
        found = _variables_of(rows, {name: columns[name] for name in names}, path, outside is True)
        splits[split] = Split.checked(
            {name: found[column] for name, column in inputs.items()},
            None if target is None else found[target],
            str(path),
            n_classes,
            layout="NCHW",
            targets=wanted.targets,
        )
    return DataSet.checked(
        "csv", n_classes, splits.get("train"), splits.get("validation"), splits.get("test")
    )


def _read(path: Path) -> Tuple[List[str], List[Tuple[int, List[str]]]]:
    """Returns the header, and the rows with their line numbers."""
    try:
        text = read_bytes(path, MAX_BYTES).decode("utf-8-sig")
        lines = list(csv.reader(io.StringIO(text, newline="")))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"can't read {path}: {error}.", help="save it as CSV text in UTF-8"
        ) from error
    if not lines:
        raise DataError(f"{path} is empty.", help="a CSV data set starts with a header")
    other = next(
        (mark for mark in _OTHER_MARKS if len(lines[0]) == 1 and mark in lines[0][0]), None
    )
    if other is not None:
        raise DataError(
            f"{path} has {other!r} between its cells: its header is {lines[0][0]!r}.",
            help="save it with commas between, as Neural Network Console does",
        )
    rows = [(line, row) for line, row in enumerate(lines[1:], start=2) if row]
    if not rows:
        raise DataError(
            f"{path} has a header but no rows: the set is empty.",
            help="a row a sample follows the header",
        )
    for line, row in rows:
        if len(row) != len(lines[0]):
            raise DataError(
                f"{path}, line {line}: {len(row)} cells, the header has {len(lines[0])}.",
                help="mend that line",
            )
    return lines[0], rows


def _variables_of(
    rows: List[Tuple[int, List[str]]], columns: Dict[str, List[int]], path: Path, outside: bool
) -> Dict[str, np.ndarray]:
    found: Dict[str, List[np.ndarray]] = {name: [] for name in columns}
    room = _Room(path)
    for line, row in rows:
        where = f"{path}, line {line}"
        for name, values in found.items():
            cells = [_cell(row[n], path.parent, where, outside, room) for n in columns[name]]
            if len(cells) > 1 and any(cell.size != 1 for cell in cells):
                raise DataError(f"{where}: an entry of the vector {name!r} is not one number.")
            value = cells[0] if len(cells) == 1 else np.concatenate([c.ravel() for c in cells])
            if values and value.shape != values[0].shape:
                raise DataError(
                    f"{where}: the sample of {name!r} has the shape {value.shape}, "
                    f"the first has {values[0].shape}.",
                    help="all samples need one shape",
                )
            values.append(value)
    return {name: np.stack(values) for name, values in found.items()}


def _variables(header: List[str]) -> List[str]:
    """Names of the variables in a header, comments left out."""
    names = [cell.split(":", 1)[0].strip().partition("__")[0] for cell in header]
    return [name for name in dict.fromkeys(names) if not name.startswith("#")]


def _no_column(path: Path, variable: str, header: List[str]) -> DataError:
    return DataError(
        f"{path} has no column {variable!r}; its header is {', '.join(header)}.",
        help="name the columns with x: and y:; y: x is for an autoencoder",
    )


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
        raise _no_column(path, variable, header)
    return [column for _, column in sorted(found)]


class _Room:
    """What the files that cells name may take together: in proportion to all of them.

    Args:
        path: The CSV file.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._size, self._bytes = path, path.stat().st_size, 0
        self._seen: Set[Path] = set()

    def take(self, path: Path, values: np.ndarray) -> np.ndarray:
        """Counts what was read from a file; however many cells name it, its size counts once."""
        if path not in self._seen:
            self._seen.add(path)
            self._size += path.stat().st_size
        self._bytes += values.nbytes
        limit = Limits.of(self._size).bytes
        check_limit(str(self._path), "names arrays of {:,} bytes", self._bytes, limit)
        return values


def _cell(text: str, folder: Path, where: str, outside: bool, room: _Room) -> np.ndarray:
    text = text.strip()
    try:
        return np.array([float(text)], np.float32)
    except ValueError:
        pass
    path = folder / text.replace("\\", "/")
    suffix = path.suffix.lower()
    root = folder.resolve()
    if not outside and root not in path.resolve().parents:
        raise DataError(
            f"{where}: the cell {text!r} names a file that is not below {root}.",
            help="if you trust who made the data set and the folder that names it, add --trust",
        )
    try:
        if suffix in _IMAGES:
            pixels = read_image(path)
            scale = np.float32(np.iinfo(pixels.dtype).max)
            return room.take(path, pixels.astype(np.float32) / scale)
        if suffix == ".npy":
            return room.take(path, np.asarray(read_npy(path), np.float32))
        if suffix == ".csv":
            text = read_bytes(path, MAX_BYTES).decode("utf-8-sig")
            table = np.loadtxt(io.StringIO(text), np.float32, delimiter=",", ndmin=2)
            return room.take(path, table)
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
