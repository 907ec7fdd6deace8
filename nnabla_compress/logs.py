# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Keeping NNabla's own log lines away from a user who did not ask for them."""

from __future__ import annotations

import io
import logging
import sys
import threading
from contextlib import contextmanager
from typing import Any, Iterator

from nnabla.logger import logger

ALL = logging.CRITICAL + 1


@contextmanager
def quiet(level: int = logging.ERROR) -> Iterator[None]:
    """Silences NNabla's logger below ``level`` within the block, for this thread only.

    Args:
        level: As of :mod:`logging`; ``ALL`` lets nothing through.

    Example:
        >>> with quiet():
        ...     logger.info("not printed")
    """
    own = threading.get_ident()

    def passes(record: logging.LogRecord) -> bool:
        return record.levelno >= level or threading.get_ident() != own

    logger.addFilter(passes)
    try:
        yield
    finally:
        logger.removeFilter(passes)


class _Divided:
    """A stream that takes what one thread writes for itself and lets the others write on.

    Args:
        stream: Where the others write to.
        taken: Where this thread writes to.
    """

    def __init__(self, stream: Any, taken: io.StringIO) -> None:
        self._stream, self._taken, self._thread = stream, taken, threading.get_ident()

    def __getattr__(self, name: str) -> Any:
        own = threading.get_ident() == self._thread
        return getattr(self._taken if own else self._stream, name)


@contextmanager
def printed_here() -> Iterator[io.StringIO]:
    """Takes what this thread prints within the block, on standard output and standard error.

    Yields:
        What is printed, as it comes.

    Example:
        >>> with printed_here() as printed:
        ...     print("not shown", end="")
        >>> printed.getvalue()
        'not shown'
    """
    taken = io.StringIO()
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (_Divided(stream, taken) for stream in before)
    try:
        yield taken
    finally:
        sys.stdout, sys.stderr = before
