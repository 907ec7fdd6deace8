# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""A producer that makes what is needed next while the consumer works on what it made before."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from typing import Any, Callable, Iterator, Optional, Tuple, TypeVar

_Made = TypeVar("_Made")


@contextmanager
def made_ahead(
    make: Callable[[int], _Made], first: int, last: int, depth: int = 2
) -> Iterator[Iterator[_Made]]:
    """Makes things in a thread of their own, a few ahead of whoever takes them.

    They come in order, so that what is made depends on its number alone. An exception of ``make``
    is raised where its thing would be taken. The thread ends with the block.

    Args:
        make: Makes the thing of a number.
        first: The first number.
        last: The number behind the last.
        depth: How many may wait; 0: each is made when it is asked for, in the calling thread.

    Yields:
        An iterator of the things.

    Example:
        >>> with made_ahead(lambda number: number**2, 1, 4) as squares:
        ...     list(squares)
        [1, 4, 9]
    """
    if depth == 0:
        yield map(make, range(first, last))
        return
    waiting: queue.Queue[Any] = queue.Queue(depth)
    over = threading.Event()

    def produce() -> None:
        for number in range(first, last):
            made: Tuple[Any, Optional[BaseException]]
            try:
                made = (make(number), None)
            except BaseException as error:  # the consumer raises it
                made = (None, error)
            while not over.is_set():
                try:
                    waiting.put(made, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if over.is_set() or made[1] is not None:
                return

    def take() -> Iterator[_Made]:
        for _ in range(first, last):
            made, error = waiting.get()
            if error is not None:
                raise error
            yield made

    thread = threading.Thread(target=produce, name="producer", daemon=True)
    thread.start()
    try:
        yield take()
    finally:
        over.set()
        thread.join()
