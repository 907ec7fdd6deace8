# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What came of candidates, on disk: a search that was killed goes on without doing them again."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Dict, Hashable, List, Optional

from nnabla_compress.errors import ConfigError, DataError
from nnabla_compress.files import atomic_path, json_text, write_error


class Memo:
    """What came of what was tried, one a line of a file that only grows.

    What is tried is bits of each layer, or a text; what comes of it is a number or several.

    One process writes it, the one that shares the candidates out; so it is safe however many
    evaluate them. A last line that a killed process left unfinished is dropped.

    Args:
        path: The file; None: nothing is kept on disk.
        objective: What comes of it depends on beside what is tried, as JSON values.

    Raises:
        ConfigError: If the file holds those of another objective, or can't be written.
        DataError: If it is damaged.

    Example:
        >>> memo = Memo()
        >>> memo.add((2, 3), 0.9)
        >>> memo.known
        {(2, 3): 0.9}
    """

    def __init__(self, path: Optional[Path] = None, objective: Any = None) -> None:
        self.known: Dict[Hashable, Any] = {}
        self._path = path
        if path is None:
            return
        wanted = json.loads(_line({"objective": objective}))
        head, *lines = self._whole_lines()
        if not head:
            self._append(_line(wanted))
            return
        try:
            found = json.loads(head)
            rows = [json.loads(line) for line in lines]
            self.known = {_key(row["tried"]): _checked(row["found"]) for row in rows}
        except (ValueError, TypeError, KeyError):
            raise DataError(
                f"{path} is damaged.", help="remove it; its candidates are tried again then"
            ) from None
        if found != wanted:
            raise ConfigError(
                f"{path} holds what came of another search's candidates.",
                help="remove it, or search in another folder",
            )

    def add(self, tried: Hashable, found: Any) -> None:
        """Notes what came of something.

        Args:
            tried: Bits of each layer, or a text.
            found: A number, or a tuple of some.

        Raises:
            ConfigError: If it can't be written.
        """
        self.known[tried] = found
        if self._path is not None:
            self._append(_line({"tried": tried, "found": found}))

    def _whole_lines(self) -> List[str]:
        assert self._path is not None
        try:
            text = self._path.read_text("utf-8", "replace") if self._path.exists() else ""
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                with atomic_path(self._path) as temporary:
                    temporary.write_text(whole, "utf-8")
        except OSError as error:
            raise write_error(self._path, error) from error
        return whole.splitlines() or [""]

    def _append(self, line: str) -> None:
        assert self._path is not None
        try:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise write_error(self._path, error) from error


def _key(tried: Any) -> Hashable:
    return tried if isinstance(tried, str) else tuple(map(int, tried))


def _checked(found: Any) -> Any:
    several = isinstance(found, list)
    numbers = tuple(map(float, found if several else [found]))
    if not all(map(math.isfinite, numbers)):
        raise ValueError
    return numbers if several else numbers[0]


def _line(content: Any) -> str:
    # Line ends within texts are escaped, so these are between entries.
    return " ".join(line.strip() for line in json_text(content).split("\n")) + "\n"
