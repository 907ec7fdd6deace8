# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""What the verbs share: NNabla without its greeting, and a console."""

from __future__ import annotations

import logging
import sys
from typing import Callable, Dict

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

# NNabla greets on import; a table or JSON on standard output shall not be mixed with that.
logging.disable(logging.INFO)
import nnabla  # noqa: E402, F401

logging.disable(logging.NOTSET)

# Into a file or a pipe, tables are as wide as they need to be.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 160)
messages = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())


class TrainingProgress:
    """Shows trainings as bars on a terminal, as a line every tenth part elsewhere."""

    def __init__(self) -> None:
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[values]}"),
            console=messages,
        )

    def __enter__(self) -> TrainingProgress:
        if messages.is_terminal:
            self._bars.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if messages.is_terminal:
            self._bars.stop()

    def announce(self, name: str, total: int) -> Callable[[int, int, Dict[str, float]], None]:
        """Begins a training; returns what is called after each of its updates."""
        if not messages.is_terminal:
            return self._lines(name)
        task = self._bars.add_task(name, total=total, values="")

        def update(done: int, total: int, values: Dict[str, float]) -> None:
            self._bars.update(task, completed=done, values=_text(values))

        return update

    @staticmethod
    def _lines(name: str) -> Callable[[int, int, Dict[str, float]], None]:
        def update(done: int, total: int, values: Dict[str, float]) -> None:
            if done == total or done * 10 // total > (done - 1) * 10 // total:
                messages.print(f"{name}: {done}/{total} {_text(values)}")

        return update


def _text(values: Dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
