# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Where a data file is: absolute, beside the recipe, below the working folder, or in a variable."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Optional, Union

from nnabla_compress.errors import ConfigError, DataError

_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def expand(path: Union[str, Path]) -> str:
    """Replaces ``$NAME``, ``${NAME}`` and a leading ``~`` in a path.

    Args:
        path: Path as written by a user.

    Returns:
        The path with environment variables in place.

    Raises:
        ConfigError: If the path is empty or names a variable that is not set.

    Example:
        >>> os.environ["HOLIDAY_PHOTOS"] = "/photos"
        >>> expand("$HOLIDAY_PHOTOS/2024")
        '/photos/2024'
    """
    text = str(path)
    if not text.strip():
        raise ConfigError("the path of a file or folder is empty.", help="write a path")

    def value(match: re.Match[str]) -> str:
        name = match.group(1) or match.group(2)
        found = os.environ.get(name)
        if not found:
            raise ConfigError(
                f"path {text!r}: the environment variable {name} is not set.",
                help=f"set it (export {name}=/folder/of/data), or write the path in full",
            )
        return found

    return os.path.expanduser(_VARIABLE.sub(value, text))


def resolve_path(
    path: Union[str, Path], folder: Union[str, Path, None] = None, what: str = "file or folder"
) -> Path:
    """Finds an existing file or folder.

    A relative path is tried below ``folder`` (the recipe's) first, then below the working folder.

    Args:
        path: As written by a user; ``$NAME``, ``${NAME}`` and ``~`` are expanded.
        folder: The recipe's folder.
        what: What the path stands for, for the message.

    Returns:
        The first existing candidate.

    Raises:
        ConfigError: If a variable in the path is not set.
        DataError: If no candidate exists; the message lists them.

    Example:
        >>> resolve_path(".").is_dir()
        True
    """
    bases = [base for base in (folder, ".") if base is not None]
    for base in bases if re.search(r"[$~]", str(path)) else ():
        literal = Path(os.path.abspath(os.path.join(str(base), str(path))))
        if literal.exists():  # a file may be called so
            return literal
    expanded = Path(expand(path))
    candidates = []
    for base in bases:
        # abspath, not resolve: a link keeps the name that the user knows.
        candidate = Path(os.path.abspath(os.path.join(str(base), str(expanded))))
        if candidate.exists():
            return candidate
        if candidate not in candidates:
            candidates.append(candidate)
    looked = " and ".join(str(candidate) for candidate in candidates)
    raise DataError(
        f"{what} {str(path)!r} does not exist: looked for {looked}.",
        help="check the path; relative paths start at the recipe's folder or the working folder",
    )


def existing_path(folder: Path, *names: str) -> Optional[Path]:
    """Returns the first of several names that exists in a folder, else None.

    Args:
        folder: Where to look.
        names: File or folder names, best first.

    Returns:
        The path, or None.

    Example:
        >>> existing_path(Path("."), "no such file") is None
        True
    """
    for name in names:
        if (folder / name).exists():
            return folder / name
    return None
