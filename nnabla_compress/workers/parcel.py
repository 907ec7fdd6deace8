# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Work, tasks and results on their way between processes."""

from __future__ import annotations

import functools
import io
import pickle
import sys
from dataclasses import replace
from types import FunctionType
from typing import Any, Callable

from nnabla_compress.errors import ConfigError, unwrapped
from nnabla_compress.greeting import no_greeting
from nnabla_compress.workers.interface import Failed


def packed(what: Any, name: str) -> bytes:
    """Returns something as it is sent to a worker.

    Args:
        what: Work or a task.
        name: What messages call it.

    Raises:
        ConfigError: If it can't be pickled, or stands in the script that runs: workers import
            modules, but don't run the script.

    Example:
        >>> packed(lambda task: task, "the work")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        nnabla_compress.errors.ConfigError: the work can't be sent to another process (...).
        help: let it be a function or a class of a module that can be imported
    """
    stream = io.BytesIO()
    try:
        _Sender(stream, pickle.HIGHEST_PROTOCOL).dump(what)
    except Exception as error:
        raise ConfigError(
            f"{name} can't be sent to another process ({error}).",
            help="let it be a function or a class of a module that can be imported",
        ) from error
    return stream.getvalue()


class _Sender(pickle.Pickler):
    """Sends nothing that only the script that runs has: workers don't run it again."""

    def reducer_override(self, obj: Any) -> Any:
        """Refuses functions and classes of the script."""
        if isinstance(obj, (type, FunctionType)) and obj.__module__ == "__main__":
            raise pickle.PicklingError(f"{obj.__qualname__} stands in the script that runs")
        return NotImplemented


def perform(work: bytes, task: bytes) -> bytes:
    """Does a task in a worker; whatever goes wrong is part of the answer.

    Args:
        work: Packed work.
        task: A packed task.

    Returns:
        The packed result, or the packed failure, without its task.
    """
    try:
        with unwrapped():
            result = _opened(work)(pickle.loads(task))
        return pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
    except (Exception, SystemExit) as error:
        return pickle.dumps(Failed.by(None, error), pickle.HIGHEST_PROTOCOL)
    finally:
        for stream in (sys.stdout, sys.stderr):  # a worker may be ended at any time
            stream.flush()


def opened(answer: bytes, task: Any) -> Any:
    """Returns the result in an answer of :func:`perform`.

    Args:
        answer: The answer.
        task: What was to do.
    """
    try:
        result = pickle.loads(answer)
    except Exception as error:
        return Failed.by(task, error)
    return replace(result, task=task) if isinstance(result, Failed) else result


@functools.lru_cache(maxsize=1)
def _opened(work: bytes) -> Callable[[Any], Any]:
    with no_greeting():
        found: Callable[[Any], Any] = pickle.loads(work)
    return found
