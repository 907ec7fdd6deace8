# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Workers that are processes of this machine."""

from __future__ import annotations

import os
import signal
import sys
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection, parent_process
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Union

from nnabla_compress.workers.given import Given
from nnabla_compress.workers.interface import Failed, Result, Signal, Task, Workers
from nnabla_compress.workers.parcel import opened, packed, perform
from nnabla_compress.workers.thread_limits import cores, thread_limits

_MASKS = hasattr(signal, "pthread_sigmask")  # which Windows has not


class Processes(Workers):
    """Does tasks in processes that are spawned, each with its share of the cores.

    They import modules but don't run the script again, whether it guards its main part or not. They
    leave Ctrl-C to this process, and end when it ends, however that is.

    Args:
        count: Number of processes.

    Example:
        >>> with Processes(2) as crew:
        ...     crew.map(abs, [-1, 2, -3])
        [1, 2, 3]
    """

    def __init__(self, count: int) -> None:
        super().__init__(count)
        self._pool: Optional[_Pool] = None

    def serve(
        self,
        work: Callable[[Task], Result],
        source: Callable[[], Union[Task, Signal]],
        finished: Callable[[int, Union[Result, Failed]], None],
    ) -> None:
        """Does tasks, as of :meth:`Workers.serve`."""
        sent, given = packed(work, "the work"), Given(source)
        suspects: List[int] = []
        running: Dict[Future[bytes], int] = {}
        try:
            while True:
                # When a worker dies, any of the tasks at work may be why: each goes on alone.
                alone = bool(suspects)
                pool, lost = self._started(), False
                while not lost and len(running) < (1 if alone else self.count):
                    number = suspects.pop() if alone else given.take()
                    if number is None:
                        break
                    try:
                        running[pool.submit(sent, given.parcels[number])] = number
                    except BrokenProcessPool:
                        lost = True
                        (suspects if alone else given.back).append(number)
                if not (running or lost):
                    return
                ready = wait(running, return_when=FIRST_COMPLETED).done
                lost = lost or any(map(_is_lost, ready))
                for future in wait(running).done if lost else ready:
                    number = running.pop(future)
                    if _is_lost(future) and not alone:
                        suspects.append(number)
                        continue
                    task = given.forget(number)
                    if _is_lost(future):
                        finished(number, Failed(task, pool.last_words()))
                    else:
                        finished(number, opened(future.result(), task))
                if lost:
                    self.close()
        except BaseException:
            if self._pool is not None:
                self._pool.end_at_once()
                self._pool = None
            raise

    def close(self) -> None:
        """Ends the processes when they have done what they are at."""
        if self._pool is not None:
            self._pool.end()
            self._pool = None

    def _started(self) -> _Pool:
        if self._pool is None:
            self._pool = _Pool(self.count)
        return self._pool


def _is_lost(future: Future[bytes]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


class _Pool:
    """A pool of processes that are known."""

    def __init__(self, count: int) -> None:
        self._context = _Context(thread_limits(count, cores()))
        self._executor = ProcessPoolExecutor(count, self._context, _begin)

    def submit(self, work: bytes, task: bytes) -> Future[bytes]:
        return self._executor.submit(perform, work, task)

    def end(self) -> None:
        self._executor.shutdown()

    def end_at_once(self) -> None:
        for process in self._context.started:
            process.terminate()
        self._executor.shutdown()

    def last_words(self) -> str:
        """Says how a process died; the pool itself ends the others by SIGTERM."""
        self._executor.shutdown()
        codes = [process.exitcode for process in self._context.started]
        for code in codes:
            if code and code > 0:
                return f"the worker that did it ended with status {code}, twice."
            if code and code != -signal.SIGTERM:
                name = signal.Signals(-code).name
                why = ", as where memory is short" if -code == signal.SIGKILL else ""
                return f"the worker that did it was ended by {name}{why}, twice."
        return "the worker that did it was ended, twice."


class _Context(SpawnContext):
    """Starts processes as workers, and knows them.

    Args:
        environment: What their environment says besides.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.started: List[SpawnProcess] = []

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: N802
        """Returns a process, not yet started."""
        process = _Worker(*args, **kwargs)
        process.environment = self._environment
        self.started.append(process)
        return process


class _Worker(SpawnProcess):
    environment: Mapping[str, str]

    def start(self) -> None:
        """Starts it, deaf to Ctrl-C, without the script and with its own environment."""
        with _script_aside(), _environment(self.environment), _deaf():
            super().start()


_turn = threading.Lock()


@contextmanager
def _script_aside() -> Iterator[None]:
    """Hides the script from processes that start: each would run it once more."""
    script = sys.modules["__main__"]
    with _turn:
        spec, file = script.__spec__, script.__dict__.pop("__file__", None)
        script.__spec__ = None
        try:
            yield
        finally:
            script.__spec__ = spec
            if file is not None:
                script.__file__ = file


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def _deaf() -> Iterator[None]:
    """Blocks Ctrl-C, which processes that start inherit; this one gets it after the block."""
    if not _MASKS:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin() -> None:
    """Begins a worker: it ignores Ctrl-C and ends with the process that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if _MASKS:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os._exit(1)
