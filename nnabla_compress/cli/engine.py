# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the verbs share: NNabla without its greeting, two consoles, and how far the work is."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import warnings
from contextlib import contextmanager
from typing import Any, Iterator, Optional, Type

from nnabla_compress.cli.fitted_console import FittedConsole
from nnabla_compress.cli.progress import ShownProgress
from nnabla_compress.greeting import no_greeting
from nnabla_compress.names import printable

# NNabla greets on import; a table or JSON on standard output shall not be mixed with that.
with no_greeting():
    from nnabla.logger import logger

__all__ = ["console", "messages", "progress", "told"]

# A file or a pipe has no width: tables are as wide as they need to be, unless COLUMNS says one.
_WIDE, _LEAST = 160, 20


def _width(stream: Any) -> Optional[int]:
    """Columns of a stream; None for those of the terminal."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated):
        return max(int(stated), _LEAST)
    if not stream.isatty():
        return _WIDE
    return None if "COLUMNS" not in os.environ else max(shutil.get_terminal_size().columns, _LEAST)


console = FittedConsole(highlight=False, width=_width(sys.stdout))
messages = FittedConsole(
    stderr=True,
    highlight=False,
    width=_width(sys.stderr),
    soft_wrap=not sys.stderr.isatty(),
)

progress = ShownProgress(messages)


@contextmanager
def told(tables: bool = True, notes: bool = True, logs: bool = False) -> Iterator[None]:
    """Says within the block only what is asked for, and how far the work has come.

    Args:
        tables: Whether what a verb came to is printed to standard output.
        notes: Whether warnings, notes and progress are printed to standard error.
        logs: Whether NNabla's logs are, down to the least important ones.
    """
    before = console.quiet, messages.quiet, logger.level
    console.quiet, messages.quiet = not tables, not notes
    if logs:
        logger.setLevel(logging.DEBUG)
    try:
        with progress:
            yield
    finally:
        console.quiet, messages.quiet = before[:2]
        logger.setLevel(before[2])


def _spelled_out(record: logging.LogRecord) -> bool:
    """Keeps the terminal from obeying names in NNabla's own messages."""
    record.msg, record.args = printable(record.getMessage()), None
    return True


def _one_line(message: Any, category: Type[Warning], *place: Any, **more: Any) -> None:
    """Shows a warning without the line of code that it comes from."""
    messages.print(f"{category.__name__}: {message}")


logger.addFilter(_spelled_out)
if not os.environ.get("NNABLA_COMPRESS_TRACEBACK"):
    warnings.showwarning = _one_line
