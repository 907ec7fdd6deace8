# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The data of a recipe in the words that ``--data`` takes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Dict, List

from nnabla_compress.recipes.data_parts import DataPart

_CSV = {
    ("train",): ["train"],
    ("test",): ["test"],
    ("train", "test"): ["train", "test"],
    ("train", "validation_file", "test"): ["train", "validation_file", "test"],
}
_OF_CSV = ("train", "validation_file", "test")
_PLAIN = (str, int, float)


def data_words(part: DataPart, folder: Path) -> str:
    """Returns what ``--data`` would take for the data of a recipe, "" where it has no words for it.

    Args:
        part: The data.
        folder: Where their relative paths start.

    Example:
        >>> part = DataPart(source="csv", train="a.csv", test="b.csv", validation=0.1)
        >>> data_words(part, Path("x"))
        'x/a.csv,x/b.csv'
        >>> data_words(DataPart(source="npz", path="a.npz", y="mask"), Path("."))
        'a.npz,y=mask'
    """
    left: Dict[str, Any] = dict(part.model_extra or {})
    if part.source == "csv":
        given = tuple(key for key in _OF_CSV if left.get(key) is not None)
        if given not in _CSV:
            return ""
        files = [_path(left.pop(key), folder) for key in _CSV[given]]
    else:
        path = left.pop("path", None)
        first = "" if path is None else _path(path, folder)
        if part.source == "python":
            left.pop("split", None)
            files = [f"{first}:{left.pop('function', '')}"]
        elif part.source == "npz":
            files = [first]
        else:
            files = [f"{part.source}:{first}" if first else part.source]
    options: List[str] = []
    for key, value in left.items():
        if value is None:
            continue
        if not isinstance(value, _PLAIN):
            return ""
        options.append(f"{key}={str(value).lower() if isinstance(value, bool) else value}")
    words = [*files, *options]
    return "" if any("," in word for word in words) else ",".join(words)


def _path(text: Any, folder: Path) -> str:
    """A path as it may be typed in the working folder."""
    path = folder / str(text)
    try:
        inside = Path(os.path.abspath(path)).relative_to(os.getcwd())
    except ValueError:
        return str(path)
    return str(inside)
