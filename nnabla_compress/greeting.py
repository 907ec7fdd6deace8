# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Importing NNabla without its greeting, in this process and in those that it starts."""

from __future__ import annotations

import importlib
import logging
from contextlib import contextmanager
from typing import Any, Iterator


@contextmanager
def no_greeting() -> Iterator[None]:
    """Keeps what is imported within the block from logging that it is there.

    Example:
        >>> with no_greeting():
        ...     import nnabla
    """
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def begin(module: str, function: str, *arguments: Any) -> None:
    """Calls a function; this is what a new process is given, before it knows NNabla.

    Args:
        module: Name of the module that it is in.
        function: Its name there.
        arguments: Its arguments.

    Example:
        >>> begin("logging", "getLogger", "nnabla")
    """
    with no_greeting():
        called = getattr(importlib.import_module(module), function)
    called(*arguments)
