# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Ctrl-C: remembered, because what catches exceptions on the way may make another one of it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from types import FrameType
from typing import Any, Optional

from nnabla_compress.errors import causes

# Seconds after which an interrupt that got lost is raised again, and one that nobody seems to mind.
_AGAIN, _UNMINDED = 0.05, 2.0
_ALARMS = hasattr(signal, "SIGALRM")  # which Windows has not


class Interrupts:
    """Within its block Ctrl-C raises KeyboardInterrupt, and is not forgotten.

    NNabla's engine turns an exception that is raised in one of its callbacks into another without a
    cause, imports that are stopped end as import errors or pass over it, what is raised while an
    object is removed is dropped: then it is raised anew.

    Example:
        >>> with Interrupts() as interrupts:
        ...     interrupts.stopped(ValueError("a fault of its own"))
        False
    """

    def __init__(self) -> None:
        self._asked = False
        self._before: Any = None

    def __enter__(self) -> Interrupts:
        try:
            handlers = signal.signal(signal.SIGINT, self._interrupt)
        except ValueError:  # only the main thread may
            return self
        alarm = signal.signal(signal.SIGALRM, self._interrupt) if _ALARMS else None
        self._before = handlers, alarm, sys.unraisablehook
        sys.unraisablehook = self._dropped
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before is not None:
            interrupt, alarm, sys.unraisablehook = self._before
            signal.signal(signal.SIGINT, interrupt)
            if _ALARMS:
                signal.setitimer(signal.ITIMER_REAL, 0)
                signal.signal(signal.SIGALRM, alarm)

    def _interrupt(self, number: int, frame: Optional[FrameType]) -> None:
        self._asked = True
        if _ALARMS:
            signal.setitimer(signal.ITIMER_REAL, _UNMINDED)
        raise KeyboardInterrupt

    def _dropped(self, what: Any) -> None:
        if _ALARMS and issubclass(what.exc_type, KeyboardInterrupt):
            signal.setitimer(signal.ITIMER_REAL, _AGAIN)
        else:
            sys.__unraisablehook__(what)

    def stopped(self, error: BaseException) -> bool:
        """Returns whether the user's Ctrl-C is what led to an exception.

        Args:
            error: What ended the verb.
        """
        if self._asked:  # from now on a further one changes nothing
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            if _ALARMS:
                signal.signal(signal.SIGALRM, signal.SIG_IGN)
        return self._asked or any(isinstance(each, KeyboardInterrupt) for each in causes(error))

    def leave(self, status: int) -> None:
        """Ends the process, after a Ctrl-C at once: Python would end it by the signal at times.

        Args:
            status: Its exit status.
        """
        if self._asked:
            with suppress(Exception):  # nobody may be there to read
                sys.stdout.flush()
                sys.stderr.flush()
            os._exit(status)
        sys.exit(status)
