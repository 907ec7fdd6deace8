# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Tasks that were taken from a source, to be done elsewhere."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional

from nnabla_compress.workers.interface import Signal
from nnabla_compress.workers.parcel import packed


class Given:
    """Tasks by their numbers, packed, until they are done.

    Args:
        source: As of :meth:`nnabla_compress.workers.interface.Workers.serve`.

    Example:
        >>> from nnabla_compress.workers.interface import END
        >>> tasks = iter(["a", END])
        >>> given = Given(lambda: next(tasks))
        >>> given.take(), given.take(), given.forget(0)
        (0, None, 'a')
    """

    def __init__(self, source: Callable[[], Any]) -> None:
        self._source = source
        self._tasks: Dict[int, Any] = {}
        self._taken = 0
        self.parcels: Dict[int, bytes] = {}
        self.back: List[int] = []
        """Numbers of tasks that go first, because they were taken and not begun."""

    def take(self) -> Optional[int]:
        """Returns the number of the next task, None where there is none now."""
        if self.back:
            return self.back.pop()
        task = self._source()
        if isinstance(task, Signal):
            return None
        number = self._taken
        self.parcels[number] = packed(task, f"task {number}")
        self._tasks[number] = task
        self._taken += 1
        return number

    def forget(self, number: int) -> Any:
        """Returns a task that is done."""
        del self.parcels[number]
        return self._tasks.pop(number)
