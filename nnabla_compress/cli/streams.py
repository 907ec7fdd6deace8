# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Standard streams that may be full, closed, or of an encoding that lacks the letters of a name.

Whoever reads standard output gets the result, so that what it can't take is an error. Standard
error accompanies the work, which goes on without it.
"""

from __future__ import annotations

import io
import os
import sys
from typing import Any, List, Optional, Tuple

_LOWEST = 3  # the first file descriptor that is no standard stream


class OutputError(Exception):
    """Raised where standard output takes no more: a full disk, a reader that has left.

    Args:
        error: What the operating system said.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(error.strerror or str(error))
        self.reader_left = isinstance(error, BrokenPipeError)


class _Output(io.FileIO):
    """Standard output, whose errors are told from those of other files."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content) or 0
        except OSError as error:
            raise OutputError(error) from error


class _Messages(io.FileIO):
    """Standard error; what it can't take is lost, since there is nobody to tell."""

    def write(self, content: Any) -> int:
        try:
            return super().write(content) or 0
        except OSError:
            return len(content)


class Streams:
    """Within its block, standard streams are there, and write what an encoding lacks spelled out.

    A closed stream is nowhere, as ``/dev/null``: a file that is opened never gets its number.
    """

    def __init__(self) -> None:
        self._before: List[Tuple[str, Any]] = []

    def __enter__(self) -> Streams:
        _occupy()
        for name, kind in (("stdout", _Output), ("stderr", _Messages)):
            stream = getattr(sys, name)
            if stream is None or type(stream) is io.TextIOWrapper:  # and no stand-in of a test's
                self._before.append((name, stream))
                setattr(sys, name, _over(kind, name, stream))
        return self

    def __exit__(self, *exception: object) -> None:
        for name, stream in self._before:
            try:
                getattr(sys, name).flush()
            except OutputError:
                self.drop_output()
            setattr(sys, name, stream)

    def drop_output(self) -> None:
        """Sends what is left for standard output nowhere: the end of Python tries no more."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


def _occupy() -> None:
    """Opens ``/dev/null`` for each standard stream that is closed."""
    number = os.open(os.devnull, os.O_RDWR)
    while number < _LOWEST:
        number = os.open(os.devnull, os.O_RDWR)
    os.close(number)


def _over(kind: Any, name: str, stream: Optional[io.TextIOWrapper]) -> io.TextIOWrapper:
    """A text stream like another one, on the same file."""
    raw = kind(("stdout", "stderr").index(name) + 1, "w", closefd=False)
    buffered = io.BufferedWriter(raw)
    if stream is None:
        return io.TextIOWrapper(buffered, "utf-8", "backslashreplace")
    stream.flush()
    by_line = stream.line_buffering or name == "stderr"
    # In the encoding of the stream: letters that it lacks are spelled out.
    return io.TextIOWrapper(buffered, stream.encoding, "backslashreplace", line_buffering=by_line)
