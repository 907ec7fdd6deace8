# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far the work has come: bars on a terminal, lines elsewhere, if it takes a while."""

from __future__ import annotations

import threading
import time
from typing import Any, Dict, List, Optional

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from nnabla_compress import progress
from nnabla_compress.names import printable, shortened

# Seconds that work may take without a word.
_PATIENCE = 2.0
# Lines are apart by a tenth of the work, and by half a minute at most.
_TENTH, _LONGEST = 0.1, 30.0
# Characters of what the work is called.
_LONGEST_NAME = 50
# Columns of a terminal that bars, and the values of a training, need beside the rest.
_ROOM_FOR_BARS, _ROOM_FOR_VALUES = 105, 75


class ShownProgress:
    """Shows within its block all work that is announced; trainings from their first update on.

    Args:
        console: Where to.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = _Bars(console)
        self._listening: Any = None

    def __enter__(self) -> ShownProgress:
        self._listening = progress.listening(self._patient)
        self._listening.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._listening.__exit__(*exception)
        self._bars.clear()

    def announce(self, name: str, total: int) -> progress.Progress:
        """Begins work that is worth showing at once, such as a training.

        Args:
            name: What it is.
            total: Its steps.

        Returns:
            What is called after each of its steps.
        """
        return self._shown(name, total, patience=0.0)

    def _patient(self, name: str, total: int) -> progress.Progress:
        return self._shown(name, total, patience=_PATIENCE)

    def _shown(self, name: str, total: int, patience: float) -> progress.Progress:
        name = printable(shortened(name, _LONGEST_NAME))
        if self._console.is_terminal:
            return _Bar(self._bars, name, total, patience)
        return _Lines(self._console, name, total, patience)


class _Bars:
    """The bars on a terminal, which is left alone while there are none."""

    def __init__(self, console: Console) -> None:
        words = TextColumn("{task.description}", markup=False)
        parts: List[ProgressColumn] = [words, MofNCompleteColumn()]
        if console.width >= _ROOM_FOR_BARS:
            parts.insert(1, BarColumn(bar_width=20))
        parts.append(TimeRemainingColumn())
        if console.width >= _ROOM_FOR_VALUES:
            parts.append(TextColumn("{task.fields[values]}", markup=False))
        # What goes to standard output belongs to whoever reads it there.
        self._shown = Progress(*parts, console=console, redirect_stdout=False)
        self._lock = threading.RLock()
        self._running = 0

    def add(self, name: str, total: int) -> TaskID:
        with self._lock:
            if not self._running:
                self._shown.start()
            self._running += 1
            return self._shown.add_task(name, total=total or None, values="")

    def update(self, task: TaskID, done: int, values: Dict[str, float]) -> None:
        self._shown.update(task, completed=done, values=_text(values))

    def finish(self, task: TaskID, stays: bool) -> None:
        with self._lock:
            if not stays:
                self._shown.remove_task(task)
            self._running -= 1
            if not self._running:
                self.clear()

    def clear(self) -> None:
        with self._lock:
            self._running = 0
            if self._shown.live.is_started:
                self._shown.stop()
            for task in self._shown.task_ids:
                self._shown.remove_task(task)


class _Bar:
    """A bar that appears after a while; but for that of a training it goes when it is full."""

    def __init__(self, bars: _Bars, name: str, total: int, patience: float) -> None:
        self._bars, self._name, self._total, self._stays = bars, name, total, not patience
        self._task: Optional[TaskID] = None
        self._timer = _after(patience, self._appear)

    def _appear(self) -> None:
        self._task = self._bars.add(self._name, self._total)

    def __call__(self, done: int, total: int, values: Dict[str, float]) -> None:
        if done >= total:
            _stop(self._timer)
        if self._task is None:
            return
        self._bars.update(self._task, done, values)
        if done >= total:
            self._bars.finish(self._task, self._stays)
            self._task = None


class _Lines:
    """A line each tenth of the work, with the part that is done and the time left."""

    def __init__(self, console: Console, name: str, total: int, patience: float) -> None:
        self._console, self._name, self._patience = console, name, patience
        self._began = self._last = time.monotonic()
        self._told = 0.0
        self._timer = _after(patience, self._appear) if patience else None

    def _appear(self) -> None:
        self._console.print(f"{self._name} ...")

    def __call__(self, done: int, total: int, values: Dict[str, float]) -> None:
        now = time.monotonic()
        if done >= total:
            _stop(self._timer)
        if now - self._began < self._patience or not total:
            return
        part = done / total
        due = int(part / _TENTH + 1e-9) > int(self._told / _TENTH + 1e-9)
        if not due and done < total and now - self._last < _LONGEST:
            return
        self._told, self._last = part, now
        left = (now - self._began) * (total - done) / max(done, 1)
        ahead = f", {_duration(left)} left" if done < total else f", {_duration(now - self._began)}"
        line = f"{self._name}: {done}/{total} ({part:.0%}{ahead})  {_text(values)}"
        self._console.print(line.rstrip())


def _after(seconds: float, call: Any) -> Optional[threading.Timer]:
    if not seconds:
        call()
        return None
    timer = threading.Timer(seconds, call)
    timer.daemon = True
    timer.start()
    return timer


def _stop(timer: Optional[threading.Timer]) -> None:
    if timer is not None:
        timer.cancel()


def _duration(seconds: float) -> str:
    """Returns a time as people say it.

    Example:
        >>> _duration(7.4), _duration(95), _duration(7300)
        ('7 s', '1 min 35 s', '2 h 1 min')
    """
    whole = int(round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _text(values: Dict[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())
