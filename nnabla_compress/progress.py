# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far long work has come: told to whoever asked, silent otherwise.

What takes long says so by :func:`tracked`, :func:`counted` or :func:`stage`, wherever it is called
from; the command line listens by :func:`listening` and shows it.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Callable, Dict, Iterable, Iterator, Optional, TypeVar

# Called with (done, total, values worth showing).
Progress = Callable[[int, int, Dict[str, float]], None]
# Called with the name of a piece of work and its number of steps, 0 where nobody knows it.
Announce = Callable[[str, int], Progress]

_Item = TypeVar("_Item")
_listener: ContextVar[Optional[Announce]] = ContextVar("listener", default=None)


@contextmanager
def listening(announce: Optional[Announce]) -> Iterator[None]:
    """Hears of all work that begins within the block.

    Args:
        announce: Called with each piece of work; what it returns is called as the work goes on,
            the last time with all steps done. None: nothing is heard, as of the
            steps of work that is told of as a whole.

    Example:
        >>> heard = []
        >>> with listening(lambda name, total: lambda *now: heard.append((name, *now[:2]))):
        ...     for _ in tracked("scoring", "ab", 2):
        ...         pass
        >>> heard
        [('scoring', 1, 2), ('scoring', 2, 2)]
    """
    token = _listener.set(announce)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def counted(name: str, total: int) -> Iterator[Callable[[int], None]]:
    """Announces work of so many steps; gives what is called with the number that is done.

    Args:
        name: What is done, as a user would call it.
        total: Steps; 0 where it is not known.

    Yields:
        A function of the steps done. The end of the block is the end of the work.
    """
    announce = _listener.get()
    if announce is None:
        yield lambda done: None
        return
    progress = announce(name, total)
    reached = 0

    def at(done: int) -> None:
        nonlocal reached
        reached = done
        progress(done, total, {})

    try:
        yield at
    finally:
        if reached < total or not total:
            progress(total, total, {})


def tracked(name: str, items: Iterable[_Item], total: int) -> Iterator[_Item]:
    """Gives items and tells how many have been worked on.

    Args:
        name: What is done with them.
        items: The items.
        total: How many there are.
    """
    with counted(name, total) as at:
        for number, item in enumerate(items, 1):
            yield item
            at(number)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Announces work whose length nobody knows.

    Args:
        name: What is done.
    """
    with counted(name, 0):
        yield
