# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What all workers are: some that do tasks at the same time."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from enum import Enum
from types import TracebackType
from typing import Any, Callable, Dict, List, Optional, Sequence, Type, TypeVar, Union

from nnabla_compress.errors import CompressError, DiskFullError

Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failed:
    """A task that came to nothing.

    Args:
        task: The task.
        message: Why.
        help: What to do about it, where that is known.
        kind: The class of the error that says so.
        details: Where an error arose that nobody foresaw; else empty.
    """

    task: Any
    message: str
    help: Optional[str] = None
    kind: Type[CompressError] = CompressError
    details: str = ""

    @staticmethod
    def by(task: Any, error: BaseException) -> Failed:
        """Returns the failure that an exception is.

        Args:
            task: The task.
            error: What was raised.

        Example:
            >>> Failed.by(3, ValueError("odd")).message
            'ValueError: odd'
        """
        if isinstance(error, CompressError):
            return Failed(task, error.message, error.help, _kind(type(error)))
        lines = traceback.format_exception(type(error), error, error.__traceback__)
        message = f"{type(error).__name__}: {error}".rstrip(": ")
        return Failed(task, message, details="".join(lines))

    def error(self) -> Exception:
        """Returns what to raise where a failure ends the whole."""
        if self.details:
            return RuntimeError(f"{self.message}\n{self.details}")
        return self.kind(self.message, self.help)


def done(results: Sequence[Union[Result, Failed]]) -> List[Result]:
    """Returns results none of which may have failed.

    Args:
        results: What :meth:`Workers.map` returned.

    Raises:
        CompressError: For the first that failed.

    Example:
        >>> done([1, Failed("b", "b has no layers.")])
        Traceback (most recent call last):
        nnabla_compress.errors.CompressError: b has no layers.
    """
    good: List[Result] = []
    for result in results:
        if isinstance(result, Failed):
            raise result.error()
        good.append(result)
    return good


def refuse_full_disk(result: Any) -> None:
    """Raises the error of a full disk, on which no other task would do better.

    Args:
        result: What came of a task.

    Raises:
        DiskFullError: If that is why it failed.
    """
    if isinstance(result, Failed) and issubclass(result.kind, DiskFullError):
        raise result.error()


def _kind(found: Type[CompressError]) -> Type[CompressError]:
    """The nearest class that a message and its help are enough for."""
    own = "__init__" in vars(found) and found is not CompressError
    return _kind(found.__base__) if own else found  # type: ignore[arg-type]


def ignore(number: int, result: Any) -> None:
    """Hears of a result and does nothing."""


class Signal(Enum):
    """What there is in the place of a task."""

    LATER = "later"
    END = "end"


LATER, END = Signal.LATER, Signal.END


class Workers:
    """Some that do tasks at the same time; a subclass is one kind.

    They start with the first task and end with the ``with`` block.

    Args:
        count: How many tasks are worked on at once.

    Example:
        >>> from nnabla_compress.workers import workers
        >>> with workers(1) as crew:
        ...     crew.map(abs, [-1, 2])
        [1, 2]
    """

    here = False
    """Whether they are this process: then nothing is sent."""

    def __init__(self, count: int) -> None:
        self.count = count

    def map(
        self,
        work: Callable[[Task], Result],
        tasks: Sequence[Task],
        finished: Callable[[int, Union[Result, Failed]], None] = ignore,
    ) -> List[Union[Result, Failed]]:
        """Returns what comes of each task, in the order of the tasks.

        Results don't depend on the number or the kind of workers, as long as ``work`` depends on
        nothing but its task: it seeds the generators that it draws from itself.

        Args:
            work: A function or object that can be pickled. What it must load first it keeps
                itself, for instance by ``functools.lru_cache``: workers stay.
            tasks: What to do, each of which can be pickled.
            finished: Called with the number of a task and its result, as results come. What it
                raises ends all work.

        Returns:
            Results; a :class:`Failed` where ``work`` raised an exception, and where workers died
            twice that had this task and no other.

        Raises:
            ConfigError: If ``work`` or a task can't be sent to a worker.
        """
        results: Dict[int, Union[Result, Failed]] = {}
        waiting = iter(tasks)

        def note(number: int, result: Union[Result, Failed]) -> None:
            results[number] = result
            finished(number, result)

        self.serve(work, lambda: next(waiting, END), note)
        return [results[number] for number in range(len(results))]

    def serve(
        self,
        work: Callable[[Task], Result],
        source: Callable[[], Union[Task, Signal]],
        finished: Callable[[int, Union[Result, Failed]], None],
    ) -> None:
        """Does tasks that depend on what came of others.

        Args:
            work: As of :meth:`map`.
            source: Gives the next task whenever a worker is free; :data:`LATER` where there is
                none until one of those at work is finished, :data:`END` where there is none more.
            finished: As of :meth:`map`; tasks are numbered in the order in which they were given.

        Raises:
            ConfigError: If ``work`` or a task can't be sent to a worker.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Ends them; the next task starts others."""

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self,
        kind: Optional[Type[BaseException]],
        error: Optional[BaseException],
        trace: Optional[TracebackType],
    ) -> None:
        self.close()
