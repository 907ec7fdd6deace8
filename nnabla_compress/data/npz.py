# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Any data set that somebody saved with ``numpy.savez``: arrays x and y by split."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import BinaryIO, Dict, Mapping, Optional, Union

import numpy as np

from nnabla_compress.data.npy import declared_bytes
from nnabla_compress.data.paths import resolve_path
from nnabla_compress.data.splits import DataSet, Split
from nnabla_compress.data.wanted import Names, Wanted
from nnabla_compress.errors import CompressError, ConfigError, DataError
from nnabla_compress.limits import Limits, check_limit
from nnabla_compress.reading import check_packing, open_file

# Spellings found in files in the wild, for each split.
_SUFFIXES = {
    "train": ("_train",),
    "validation": ("_validation", "_valid", "_val"),
    "test": ("_test", ""),
}
# Of more arrays nobody can guess which are meant.
_FEW_NAMES = 4


def npz(
    path: Union[str, Path],
    folder: Union[str, Path, None] = None,
    n_classes: Optional[int] = None,
    layout: str = "auto",
    x: Names = None,
    y: Optional[str] = None,
    wanted: Optional[Wanted] = None,
) -> DataSet:
    """Loads ``x_train``, ``y_train`` and the same with ``_validation`` and ``_test``.

    A split may be absent, ``_valid`` and ``_val`` are read as ``_validation``. A file
    with just ``x`` and ``y`` is a test set. A network with several inputs takes an array for each,
    called like the input.

    Args:
        path: The ``.npz`` file.
        folder: Where a relative path starts.
        n_classes: Number of classes; by default the largest label + 1.
        layout: Of four-dimensional x: ``"NCHW"``, ``"NHWC"`` or ``"auto"`` (see ``Split.checked``).
        x: Another name of x; for several inputs a name for each.
        y: Another name of y, such as "mask" for ``mask_train``; "x" for an autoencoder.
        wanted: What the network wants; one input and classes by default.

    Returns:
        The data set, ``uint8`` where the file has ``uint8``, else ``float32``.

    Raises:
        ConfigError: If the layout or the number of classes has no meaning.
        DataError: If the file is missing, damaged, or its arrays do not fit.
    """
    if layout not in ("auto", "NCHW", "NHWC"):
        raise ConfigError(f"layout is {layout!r}.", help="choose auto, NCHW or NHWC")
    if n_classes is not None and n_classes < 1:
        raise ConfigError(f"n_classes={n_classes} must be at least 1.")
    wanted = (wanted or Wanted()).named(x, y)
    file = resolve_path(path, folder, "the .npz file")
    arrays = read_npz(file)
    splits: Dict[str, Split] = {}
    for split, suffixes in _SUFFIXES.items():
        for suffix in suffixes:
            there = {key[: len(key) - len(suffix)]: key for key in arrays if key.endswith(suffix)}
            inputs, target = wanted.pick(there)
            if split in splits or (not inputs and target is None):
                continue
            wanted.check(inputs, target, str(file), suffix)
            names = [*inputs.values(), *([] if target is None else [target])]
            splits[split] = Split.checked(
                {name: arrays[key] for name, key in inputs.items()},
                None if target is None else arrays[target],
                f"{file} ({', '.join(names)})",
                n_classes,
                layout,
                wanted.targets,
            )
    if not splits:
        listed = [names[0] for names in (*wanted.inputs.values(), wanted.target)]
        raise DataError(
            f"{file} holds {', '.join(sorted(arrays)) or 'nothing'}: no {' and '.join(listed)} "
            "found.",
            help=_way(file, arrays, wanted)
            + f"save it as {', '.join(f'{n}_{s}' for s in ('train', 'test') for n in listed)}",
        )
    names_of = arrays.get("names")
    class_names = tuple(map(str, names_of)) if names_of is not None and names_of.ndim else ()
    return DataSet.checked(file.name, n_classes, class_names=class_names, **splits)


def _way(file: Path, arrays: Mapping[str, np.ndarray], wanted: Wanted) -> str:
    """How to name the arrays that look like samples and targets, "" if none do."""
    names: Dict[str, int] = {}
    for key, values in arrays.items():
        suffixes = [s for group in _SUFFIXES.values() for s in group if s and key.endswith(s)]
        if values.ndim:
            name = key[: len(key) - len(suffixes[0])] if suffixes else key
            names[name] = max(names.get(name, 0), values[:1].size)
    if len(wanted.inputs) != 1 or not names or len(names) > _FEW_NAMES:
        return ""
    # A sample has more numbers than what is to be said of it.
    x, *others = sorted(names, key=lambda name: -names[name])
    pairs = list(zip("xy", (x, *others)))
    option = ",".join(f"{key}={name}" for key, name in pairs)
    recipe = ", ".join(f"{key}: {name}" for key, name in pairs)
    return f"name them, as in --data {file.name},{option} (in a recipe {recipe}); or "


def read_npz(path: Path) -> Dict[str, np.ndarray]:
    """Reads all arrays of an ``.npz`` file, without unpickling anything.

    Args:
        path: The file.

    Returns:
        Arrays by name.

    Raises:
        DataError: If the file is cut short, damaged or no ``.npz``, holds Python objects, or its
            arrays take more than a file of its size may.
    """
    try:
        # Opened here, since NumPy leaves a damaged file open.
        with open_file(path) as stream:
            if zipfile.is_zipfile(stream):
                _check_declared(path, stream)
            stream.seek(0)
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                raise DataError(f"{path} is a single array, not an .npz file.", help="use savez")
            return {name: loaded[name] for name in loaded.files}
    except CompressError:
        raise
    except (
        *(OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error),
        RuntimeError,  # how zipfile says that a member is encrypted, or of a later version
    ) as error:
        reason = str(error).split("\n")[0] or type(error).__name__
        raise DataError(
            f"can't read {path}: it is cut short, damaged or no .npz file ({reason}).",
            help="get the file again, or save it again with numpy.savez",
        ) from error


def _check_declared(path: Path, stream: BinaryIO) -> None:
    """Refuses arrays that take more memory than a file of this size may ask for."""
    limits = Limits.of(path.stat().st_size)
    with zipfile.ZipFile(stream) as archive:
        infos = archive.infolist()
        check_limit(str(path), "holds {:,} members", len(infos), limits.functions)
        check_packing(archive, infos)
        total = 0
        for info in infos:
            with archive.open(info) as member:
                total += max(info.file_size, declared_bytes(member))
            check_limit(str(path), "holds arrays of {:,} bytes", total, limits.bytes)
