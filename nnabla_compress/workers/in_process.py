# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""One worker: this process."""

from __future__ import annotations

from itertools import count
from typing import Callable, Union

from nnabla_compress.errors import unwrapped
from nnabla_compress.workers.interface import Failed, Result, Signal, Task, Workers


class InProcess(Workers):
    """Does one task after the other in the calling thread.

    Example:
        >>> InProcess().map(len, ["ab", 3])[1].message
        "TypeError: object of type 'int' has no len()"
    """

    here = True

    def __init__(self) -> None:
        super().__init__(1)

    def serve(
        self,
        work: Callable[[Task], Result],
        source: Callable[[], Union[Task, Signal]],
        finished: Callable[[int, Union[Result, Failed]], None],
    ) -> None:
        """Does tasks, as of :meth:`Workers.serve`; nothing is pickled."""
        for number in count():
            task = source()
            if isinstance(task, Signal):
                return
            finished(number, _result(work, task))


def _result(work: Callable[[Task], Result], task: Task) -> Union[Result, Failed]:
    try:
        with unwrapped():
            return work(task)
    except (Exception, SystemExit) as error:
        return Failed.by(task, error)
