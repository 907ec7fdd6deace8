# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One worker: this process."""

from __future__ import annotations

from typing import Callable, List, Sequence, Union

from nnabla_compress.errors import unwrapped
from nnabla_compress.workers.interface import Failed, Result, Task, Workers, ignore


class InProcess(Workers):
    """Does one task after the other in the calling thread.

    Example:
        >>> InProcess().map(len, ["ab", 3])[1].message
        "TypeError: object of type 'int' has no len()"
    """

    def __init__(self) -> None:
        super().__init__(1)

    def map(
        self,
        work: Callable[[Task], Result],
        tasks: Sequence[Task],
        finished: Callable[[int, Union[Result, Failed]], None] = ignore,
    ) -> List[Union[Result, Failed]]:
        """Returns what comes of each task, as of :meth:`Workers.map`; nothing is pickled."""
        results: List[Union[Result, Failed]] = []
        for number, task in enumerate(tasks):
            results.append(_result(work, task))
            finished(number, results[-1])
        return results


def _result(work: Callable[[Task], Result], task: Task) -> Union[Result, Failed]:
    try:
        with unwrapped():
            return work(task)
    except (Exception, SystemExit) as error:
        return Failed.by(task, error)
