# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Ctrl-C: remembered, because what catches exceptions on the way may make another one of it."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any, Optional

from nnabla_compress.errors import causes


class Interrupts:
    """Within its block Ctrl-C raises KeyboardInterrupt, and is not forgotten.

    NNabla's engine turns an exception that is raised in one of its callbacks into another without a
    cause, and imports that are stopped end as import errors.

    Example:
        >>> with Interrupts() as interrupts:
        ...     interrupts.stopped(ValueError("a fault of its own"))
        False
    """

    def __init__(self) -> None:
        self._asked = self._leaving = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        try:
            self._before = signal.signal(signal.SIGINT, self._interrupt)
        except ValueError:  # only the main thread may
            self._before = None
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is not None and not self._leaving:
            signal.signal(signal.SIGINT, self._before)

    def _interrupt(self, number: int, frame: Optional[FrameType]) -> None:
        self._asked = True
        raise KeyboardInterrupt

    def stopped(self, error: BaseException) -> bool:
        """Returns whether the user's Ctrl-C is what led to an exception.

        Args:
            error: What ended the verb.
        """
        return self._asked or any(isinstance(each, KeyboardInterrupt) for each in causes(error))

    def ignore(self) -> None:
        """After a Ctrl-C: a further one changes nothing, since the program is leaving already."""
        if self._asked:
            self._leaving = True
            signal.signal(signal.SIGINT, signal.SIG_IGN)
